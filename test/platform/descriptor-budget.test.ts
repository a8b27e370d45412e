import assert from 'node:assert/strict';
import { test } from 'node:test';

import { descriptorLimit, descriptorsInUse, DescriptorBudget, parseLimits } from '#src/platform/descriptor-budget.js';

test('the limit is read from the text of /proc/PID/limits', () => {
  const text = (value: string): string =>
    `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            ${value}                 4096                 files     \n`;
  assert.equal(parseLimits(text('1024')), 1024);
  assert.equal(parseLimits(text('unlimited')), Infinity);
  assert.equal(parseLimits('nonsense'), undefined);
  assert.equal(parseLimits(undefined), undefined);
});

test('on this machine both numbers are known', { skip: process.platform === 'linux' ? false : 'needs /proc' }, () => {
  const limit = descriptorLimit();
  const inUse = descriptorsInUse();
  assert.ok(limit !== undefined && inUse !== undefined && inUse > 3 && inUse < limit);
});

test('there is room until the reserve is touched, and again when descriptors came back; counting is rare', () => {
  let inUse = 20;
  let counts = 0;
  let now = 0;
  const count = (): number => {
    counts++;
    return inUse;
  };
  const budget = new DescriptorBudget(1000, count, () => now);
  let taken = 0;
  while (budget.hasRoom()) {
    taken++;
    inUse++;
  }
  // A reserve of 50; what is counted late is a part of what was left.
  assert.ok(taken >= 930 && taken <= 932, `${taken}`);
  assert.ok(counts < 40, `${counts} counts`);
  const before = counts;
  for (let i = 0; i < 100; i++) assert.equal(budget.hasRoom(), false);
  assert.equal(counts, before);
  inUse = 500;
  now = 100;
  assert.equal(budget.hasRoom(), true);
});

test('others may take three more for each connection without the limit being reached', () => {
  let inUse = 30;
  const budget = new DescriptorBudget(
    1024,
    () => inUse,
    () => 0,
  );
  while (budget.hasRoom()) inUse += 4;
  assert.ok(inUse < 1024, `${inUse}`);
});

test('where nothing is known there is room', () => {
  assert.equal(new DescriptorBudget(undefined, () => 5).hasRoom(), true);
  assert.equal(new DescriptorBudget(Infinity, () => 5).hasRoom(), true);
  assert.equal(new DescriptorBudget(10, () => undefined).hasRoom(), true);
});
