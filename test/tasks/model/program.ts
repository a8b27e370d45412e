/**
 * Random programs over scopes and nurseries, for comparing the library with a model of it.
 *
 * A program is a tree of blocks. Whatever a step does, it first sleeps for a time of its own, so that no two effects ever
 * fall on the same moment: what happens at one moment then depends on the rules alone and not on the order of microtasks.
 */
import fc from 'fast-check';

export interface Block {
  readonly kind: 'scope' | 'nursery';
  readonly shield: boolean;
  readonly hasTimeout: boolean;
  /** Whether the body cleans up under a shield, which takes time, however it ends. */
  readonly cleansUp: boolean;
  /** Whether the code around catches everything that comes out, and goes on. */
  readonly isSwallowed: boolean;
  readonly steps: readonly Step[];
  id: number;
  timeoutMs: number;
  cleanupMs: number;
}

export type Step = StepKind & { ms: number; id: number };

/** `target` becomes the id of a block: one around the step, or any other of the program. */
type StepKind =
  | { readonly op: 'sleep' }
  | { readonly op: 'throw' }
  | { readonly op: 'started' }
  | { readonly op: 'cancel'; target: number }
  | { readonly op: 'shield'; target: number; readonly on: boolean }
  | { readonly op: 'deadline'; target: number; later: number }
  | { readonly op: 'block'; readonly block: Block }
  | { readonly op: 'spawn'; target: number; readonly block: Block }
  /** The end of a task that was not moved is seen by its caller and by the nursery at one moment; so the caller fails later. */
  | { readonly op: 'start'; target: number; readonly block: Block; failsLaterMs: number };

export interface Program {
  readonly root: Block;
  readonly blocks: readonly Block[];
}

const { step } = fc.letrec<{ step: Step; block: Block }>((tie) => {
  const target = fc.nat({ max: 50 });
  const timed = { ms: fc.constant(0), id: fc.constant(0) };
  return {
    step: fc.oneof(
      { maxDepth: 5, depthIdentifier: 'nesting' },
      { weight: 2, arbitrary: fc.record({ op: fc.constant('sleep' as const), ...timed }) },
      { weight: 2, arbitrary: fc.record({ op: fc.constant('cancel' as const), target, ...timed }) },
      { weight: 2, arbitrary: fc.record({ op: fc.constant('shield' as const), target, on: fc.boolean(), ...timed }) },
      {
        weight: 2,
        arbitrary: fc.record({ op: fc.constant('deadline' as const), target, later: fc.constant(0), ...timed }),
      },
      fc.record({ op: fc.constant('throw' as const), ...timed }),
      { weight: 6, arbitrary: fc.record({ op: fc.constant('block' as const), block: tie('block'), ...timed }) },
      { weight: 6, arbitrary: fc.record({ op: fc.constant('spawn' as const), target, block: tie('block'), ...timed }) },
      {
        weight: 4,
        arbitrary: fc.record({
          op: fc.constant('start' as const),
          target,
          block: reporting(tie('block'), timed),
          failsLaterMs: fc.constant(0),
          ...timed,
        }),
      },
    ) as fc.Arbitrary<Step>,
    block: fc.record({
      kind: fc.constantFrom('scope' as const, 'nursery' as const),
      shield: fc.boolean(),
      hasTimeout: fc.boolean(),
      cleansUp: fc.boolean(),
      isSwallowed: fc.boolean(),
      steps: fc.array(tie('step'), { minLength: 1, maxLength: 5, depthIdentifier: 'nesting' }),
      id: fc.constant(0),
      timeoutMs: fc.constant(0),
      cleanupMs: fc.constant(0),
    }),
  };
});

/** Nearly all tasks that are started report that they have. */
function reporting(
  block: fc.Arbitrary<Block>,
  timed: { readonly ms: fc.Arbitrary<number>; readonly id: fc.Arbitrary<number> },
): fc.Arbitrary<Block> {
  const started = fc.record({ op: fc.constant('started' as const), ...timed });
  return fc.tuple(block, fc.nat({ max: 6 }), started).map(([it, index, report]) => ({
    ...it,
    steps: index === 6 ? it.steps : [...it.steps.slice(0, index), report, ...it.steps.slice(index)],
  }));
}

export const programs: fc.Arbitrary<Program> = fc
  .tuple(fc.array(step, { minLength: 2, maxLength: 8 }), fc.nat())
  .map(([steps, seed]) => prepare(steps, seed));

/** Numbers the blocks, gives each step its times, and finds its target. */
function prepare(steps: readonly Step[], seed: number): Program {
  const blocks: Block[] = [];
  const random = mulberry32(seed);
  const elsewhere: (() => void)[] = [];
  const visit = (block: Block, around: readonly Block[]): void => {
    block.id = blocks.length;
    blocks.push(block);
    block.timeoutMs = block.hasTimeout ? 500 + 8000 * random() : Infinity;
    block.cleanupMs = 1 + 500 * random();
    const enclosing = [...around, block];
    for (const step of block.steps) {
      step.ms = 1 + 1000 * random();
      step.id = Math.floor(random() * 1e9);
      if (step.op === 'deadline') step.later = 4000 * random() - 500;
      if (step.op === 'start') step.failsLaterMs = 1 + 100 * random();
      if ('target' in step) {
        const takes = step.op === 'spawn' || step.op === 'start' ? isNursery : isAny;
        const pick = Math.floor(step.target / 4);
        const among = step.target % 4 === 0 ? blocks : enclosing;
        elsewhere.push(() => {
          const fitting = among.filter(takes);
          step.target = (fitting[pick % fitting.length] as Block).id;
        });
      }
      if ('block' in step) visit(step.block, enclosing);
    }
  };
  const root: Block = {
    kind: 'nursery',
    shield: false,
    hasTimeout: false,
    cleansUp: false,
    isSwallowed: false,
    steps: structuredClone(steps),
    id: 0,
    timeoutMs: Infinity,
    cleanupMs: 0,
  };
  visit(root, []);
  for (const find of elsewhere) find();
  const program = { root, blocks };
  Object.defineProperty(program, fc.toStringMethod, { value: () => '\n' + print(root, '') });
  return program;
}

/** A program as somebody would want to read it when it fails. */
function print(block: Block, indent: string): string {
  const traits = [
    ...(block.shield ? ['shield'] : []),
    ...(block.hasTimeout ? [`timeout ${block.timeoutMs.toFixed(0)}`] : []),
    ...(block.cleansUp ? [`cleanup ${block.cleanupMs.toFixed(0)}`] : []),
    ...(block.isSwallowed ? ['swallowed'] : []),
  ];
  const lines = [`${indent}${block.kind} #${block.id} ${traits.join(', ')}\n`];
  for (const step of block.steps) {
    const target = 'target' in step ? ` target ${step.target}` : '';
    const more =
      step.op === 'shield' ? ` ${step.on ? 'on' : 'off'}` : step.op === 'deadline' ? ` ${step.later.toFixed(0)}` : '';
    lines.push(
      `${indent}  +${step.ms.toFixed(0)} ${step.op}${target}${more}${step.op === 'throw' ? ` ${step.id}` : ''}\n`,
    );
    if ('block' in step) lines.push(print(step.block, `${indent}    `));
  }
  return lines.join('');
}

function isNursery(block: Block): boolean {
  return block.kind === 'nursery';
}

function isAny(): boolean {
  return true;
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** How a block ended: `value`, `cut` (its scope caught), `cancelled` (went on outwards), or the ids of the failed steps. */
export interface Ending {
  readonly at: number;
  readonly outcome: string;
  readonly cancelCalled: boolean;
  readonly cancelledCaught: boolean;
}

export type Trace = Map<number, Ending>;
