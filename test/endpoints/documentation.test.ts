import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { builtInSchemes, parseAddress } from 'bowline/endpoints';

const page = readFileSync(new URL('../../../docs/addresses.md', import.meta.url), 'utf8');

test('docs/addresses.md lists every option of every scheme, and what it is for', () => {
  const written = [...page.matchAll(/^\| (\w+) +\| `(\w+)` +\| (both|connect|listen) +\|/gm)].map(
    ([, scheme, option, role]) => `${scheme} ${option} ${role}`,
  );
  const known = builtInSchemes.flatMap(({ name, options, takesVia }) => [
    ...Object.entries(options).map(([option, { role }]) => `${name} ${option} ${role ?? 'both'}`),
    ...(takesVia === true ? [`${name} via connect`] : []),
  ]);
  assert.deepEqual(written.sort(), known.sort());
});

test('docs/addresses.md shows addresses that can be read, and says so where one cannot', () => {
  const [table = ''] = page.split('## Options');
  const rows = [...table.matchAll(/^\| `([^`]+)`[^|]*\|([^|]*)\|([^|]*)\|$/gm)];
  assert.ok(rows.length >= 10);
  for (const [, address = '', toConnect = '', toListen = ''] of rows) {
    for (const [role, cell] of [
      ['connect', toConnect],
      ['listen', toListen],
    ] as const) {
      if (cell.includes('an error')) assert.throws(() => parseAddress(address, { role }), address);
      else assert.ok(parseAddress(address, { role }), address);
    }
  }
});
