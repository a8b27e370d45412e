/** `bowline connect ADDRESS`: standard input and output, joined with an address. */
import type { Settings } from './arguments.ts';
import { planRelay } from './relay.ts';
import type { Plan } from './plan.ts';

/** @throws AddressError the address makes no sense */
export function planConnect(text: string, settings: Settings): Plan {
  return { ...planRelay({ listen: 'stdio:', connect: text, through: undefined, settings }), command: 'connect' };
}
