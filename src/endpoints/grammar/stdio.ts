/** `stdio:`, also written `-`: this program's standard input and output. */
import { AddressError } from '../../core/errors.ts';
import { defineGrammar } from './scheme-grammar.ts';

export const stdioGrammar = defineGrammar({
  name: 'stdio',
  form: 'stdio:',
  roles: ['connect', 'listen'],
  permission: 'stdio',
  options: {},
  parseTarget: (text): null => {
    if (text !== '') throw new AddressError('bad stdio address', 'nothing may follow "stdio:"');
    return null;
  },
  formatTarget: () => '',
});
