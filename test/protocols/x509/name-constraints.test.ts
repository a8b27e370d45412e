import { test } from 'node:test';

import type { Certificate } from '#src/protocols/x509/certificate.js';
import * as der from '#src/protocols/x509/der-writer.js';
import {
  alternativeNames,
  authority,
  directory,
  dns,
  email,
  extension,
  ip,
  issue,
  key,
  nameConstraints,
  nameOf,
  otherName,
  refused,
  server,
  uri,
  verify,
} from './issuing.js';

type Row = [what: string, name: Uint8Array, constraint: Uint8Array, within: boolean | 'malformed'];

const rows: Row[] = [
  ['a DNS name itself', dns('example.org'), dns('example.org'), true],
  ['labels in front', dns('a.b.example.org'), dns('example.org'), true],
  ['another case', dns('A.EXAMPLE.org'), dns('example.ORG'), true],
  ['letters in front', dns('anexample.org'), dns('example.org'), false],
  ['the parent', dns('org'), dns('example.org'), false],
  ['any DNS name, by the empty constraint', dns('a.b'), dns(''), true],
  ['a wildcard below', dns('*.example.org'), dns('example.org'), true],
  ['a DNS constraint with a dot in front', dns('a.example.org'), dns('.example.org'), 'malformed'],
  ['a DNS constraint with a wildcard', dns('a.example.org'), dns('*.example.org'), 'malformed'],
  ['a DNS name with a dot at the end', dns('example.org.'), dns('example.org'), 'malformed'],
  ['a DNS name of nothing', dns(' '), dns('example.org'), 'malformed'],
  ['a wildcard inside a label', dns('a*.example.org'), dns('example.org'), 'malformed'],
  ['an address in the block', ip(10, 1, 2, 3), ip(10, 0, 0, 0, 255, 0, 0, 0), true],
  ['an address beside the block', ip(11, 1, 2, 3), ip(10, 0, 0, 0, 255, 0, 0, 0), false],
  ['every address', ip(10, 1, 2, 3), ip(0, 0, 0, 0, 0, 0, 0, 0), true],
  ['an address of the other family', ip(...new Array<number>(16).fill(0)), ip(0, 0, 0, 0, 0, 0, 0, 0), false],
  [
    'an IPv6 address in the block',
    ip(0x20, 1, ...new Array<number>(14).fill(7)),
    ip(0x20, 1, ...new Array<number>(14).fill(0), 255, 255, ...new Array<number>(14).fill(0)),
    true,
  ],
  ['a mask with a hole', ip(10, 1, 2, 3), ip(10, 0, 0, 0, 255, 0, 255, 0), 'malformed'],
  ['a mailbox itself', email('a@example.org'), email('a@EXAMPLE.org'), true],
  ['a mailbox in another case', email('A@example.org'), email('a@example.org'), false],
  ['a mailbox at a host', email('a@example.org'), email('example.org'), true],
  ['a mailbox below a host', email('a@b.example.org'), email('example.org'), false],
  ['a mailbox below a domain', email('a@b.example.org'), email('.example.org'), true],
  ['a mailbox at the domain itself', email('a@example.org'), email('.example.org'), false],
  ['any mailbox, by the empty constraint', email('a@example.org'), email(''), true],
  ['any host of a URI, by the empty constraint', uri('https://example.org/'), uri(''), true],
  ['two at signs', email('a@b@example.org'), email('example.org'), 'malformed'],
  ['a constraint with two at signs', email('a@example.org'), email('a@b@example.org'), 'malformed'],
  ['a mailbox without a host', email('a'), email('example.org'), 'malformed'],
  ['a URI at a host', uri('https://example.org/x?y#z'), uri('example.org'), true],
  ['a URI with user and port', uri('https://u:p@EXAMPLE.org:8443/'), uri('example.org'), true],
  ['a URI below a host', uri('https://a.example.org/'), uri('example.org'), false],
  ['a URI below a domain', uri('https://a.example.org/'), uri('.example.org'), true],
  ['a URI whose user looks like a host', uri('https://example.org@evil.test/'), uri('example.org'), false],
  ['a URI with an address', uri('https://10.0.0.1/'), uri('example.org'), 'malformed'],
  ['a URI without a host', uri('urn:x:y'), uri('example.org'), 'malformed'],
  ['a name of a form without rules', otherName(), otherName(), 'malformed'],
  [
    'a registered identifier',
    der.element(0x88, new Uint8Array([42])),
    der.element(0x88, new Uint8Array([42])),
    'malformed',
  ],
];

const leafWith = (name: Uint8Array): Certificate => server('middle', {}, alternativeNames(name));
const root = authority('root', 'root');
const permits = (...names: Uint8Array[]): Certificate => authority('middle', 'root', {}, nameConstraints(names));
const excludes = (...names: Uint8Array[]): Certificate => authority('middle', 'root', {}, nameConstraints([], names));

for (const [what, name, constraint, within] of rows) {
  test(`${what}: ${String(within)}`, () => {
    const ways: [Certificate, boolean][] = [
      [permits(directory(nameOf('leaf')), constraint), within === true],
      [excludes(constraint), within === false],
    ];
    for (const [issuer, accepted] of ways) {
      if (accepted) verify(leafWith(name), [issuer], root);
      else refused(() => verify(leafWith(name), [issuer], root), 'name-constraint', 0);
    }
  });
}

test('a wildcard is excluded where anything that it stands for is, and permitted where everything is', () => {
  refused(() => verify(leafWith(dns('*.example.org')), [excludes(dns('bar.example.org'))], root), 'name-constraint', 0);
  refused(() => verify(leafWith(dns('*.example.org')), [permits(dns('bar.example.org'))], root), 'name-constraint', 0);
  verify(leafWith(dns('*.example.org')), [excludes(dns('a.bar.example.org'))], root);
  verify(leafWith(dns('*.example.org')), [excludes(dns('bar.example.net'))], root);
});

test('a constraint on one form says nothing of another', () => {
  verify(
    leafWith(dns('example.org')),
    [permits(ip(10, 0, 0, 0, 255, 0, 0, 0), email('example.org'), otherName())],
    root,
  );
  verify(leafWith(ip(10, 0, 0, 1)), [excludes(dns(''))], root);
});

test('every name has to be permitted by one constraint, and excluded by none', () => {
  const two = server('middle', {}, alternativeNames(dns('a.example'), dns('b.example')));
  verify(two, [permits(dns('b.example'), dns('a.example'))], root);
  refused(() => verify(two, [permits(dns('a.example'))], root), 'name-constraint', 0);
  refused(() => verify(two, [excludes(dns('b.example'))], root), 'name-constraint', 0);
  const both = authority(
    'middle',
    'root',
    {},
    nameConstraints([dns('a.example'), dns('b.example')], [dns('a.example')]),
  );
  refused(() => verify(two, [both], root), 'name-constraint', 0);
});

test('constraints of all issuers hold together', () => {
  const upper = authority('upper', 'root', {}, nameConstraints([dns('example')]));
  const lower = authority('middle', 'upper', {}, nameConstraints([dns('org')]));
  refused(() => verify(leafWith(dns('a.example')), [upper, lower], root), 'name-constraint', 0);
  refused(() => verify(leafWith(dns('a.org')), [upper, lower], root), 'name-constraint', 0);
  const constrainedRoot = authority('root', 'root', {}, nameConstraints([dns('org')]));
  refused(
    () => verify(leafWith(dns('a.example')), [authority('middle', 'root')], constrainedRoot),
    'name-constraint',
    0,
  );
});

test('the subject is a directory name, and is constrained as one', () => {
  const organisation = (...names: string[]): Uint8Array =>
    der.sequence(...names.map((name) => der.setOf(der.sequence(der.oid('2.5.4.10'), der.utf8String(name)))));
  const of = (subjectName: Uint8Array): Certificate => server('middle', { subjectName });
  verify(of(organisation('A', 'B')), [permits(directory(organisation('A')))], root);
  verify(of(organisation('  a ', 'B')), [permits(directory(organisation('A')))], root);
  refused(
    () => verify(of(organisation('B', 'A')), [permits(directory(organisation('A')))], root),
    'name-constraint',
    0,
  );
  refused(
    () => verify(of(organisation('A', 'B')), [excludes(directory(organisation('A')))], root),
    'name-constraint',
    0,
  );
  refused(
    () => verify(of(organisation('A')), [permits(directory(organisation('A', 'B')))], root),
    'name-constraint',
    0,
  );
});

test('an empty subject is no name, so nothing has to permit it', () => {
  const critical = extension('2.5.29.17', true, der.sequence(dns('a.example')));
  const nameless = server('middle', { subjectName: nameOf('') }, critical);
  verify(nameless, [permits(directory(nameOf('somebody')))], root);
});

test('an email address in the subject counts where there are no alternative names', () => {
  const address = (text: string): Uint8Array =>
    der.sequence(der.setOf(der.sequence(der.oid('1.2.840.113549.1.9.1'), der.ia5String(text))));
  const without = issue({ subjectName: address('a@example.org'), issuer: 'middle' });
  refused(() => verify(without, [excludes(email('example.org'))], root), 'name-constraint', 0);
  verify(server('middle', { subjectName: address('a@example.org') }), [excludes(email('example.org'))], root);
});

test('self-issued intermediates are exempt, other intermediates and self-issued end entities are not', () => {
  const upper = authority('middle', 'root', {}, nameConstraints([dns('example.org')]));
  const stranger = alternativeNames(dns('stranger.test'));
  const rolled = authority('middle', 'middle', { key: key('new'), signer: key('middle') }, stranger);
  const below = server('middle', { signer: key('new') }, alternativeNames(dns('example.org')));
  verify(below, [rolled, upper], root);
  const lower = authority('lower', 'middle', {}, stranger);
  refused(
    () => verify(server('lower', {}, alternativeNames(dns('example.org'))), [lower, upper], root),
    'name-constraint',
    1,
  );
  const selfIssued = server('middle', { subject: 'middle', key: key('another') }, stranger);
  refused(() => verify(selfIssued, [upper], root), 'name-constraint', 0);
});
