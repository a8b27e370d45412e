/**
 * The tie between a process and the scope it belongs to, for the rule in process.ts: the innermost scope that the process
 * was opened in and that is still running.
 *
 * A node of its own below that scope holds one wait for as long as the process lives. The tree then says what happens:
 * cancelled, the wait is told; the scope has ended, the wait gets ScopeExitedError and the process moves outwards. It is
 * a background node, so it does not pass for something that the surrounding task waits for; its wait is an external one,
 * so virtual time knows that a real process may do something any moment.
 */
import { Cancelled } from '../tasks/cancelled.ts';
import { currentNode } from '../tasks/environment.ts';
import { ScopeNode } from '../tasks/scope-node.ts';
import { Waiter } from '../tasks/waiter.ts';

export class ProcessOwner {
  readonly #name: string;
  readonly #onCancel: () => void;
  /** The scopes around, innermost first, as they were at the start. */
  readonly #scopes: ScopeNode[] = [];
  #node: ScopeNode | undefined;
  #wait: Waiter<void> | undefined;
  #released = false;

  /** Ties to the current scope; `onCancel` is called at most once and must not throw. */
  constructor(name: string, onCancel: () => void) {
    this.#name = name;
    this.#onCancel = onCancel;
    for (let node = currentNode(); node !== null; node = node.parent) this.#scopes.push(node);
    this.#tie();
  }

  /** The process has ended. */
  release(): void {
    this.#released = true;
    this.#wait?.resolve();
    this.#node?.exit();
  }

  #tie(): void {
    const scope = this.#scopes.find((node) => !node.exited);
    if (scope === undefined) return;
    const node = new ScopeNode('background', this.#name, scope);
    const wait = new Waiter<void>('external');
    this.#node = node;
    this.#wait = wait;
    wait.waitIn(node).catch((error: unknown) => {
      if (this.#released) return;
      if (error instanceof Cancelled) this.#onCancel();
      else this.#tie();
    });
    // The scope may have been cancelled while the process was being started.
    if (node.effective !== null) wait.cancel(node.effective);
  }
}
