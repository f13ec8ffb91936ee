import { describe, expect, it } from 'vitest';
import { CALM } from './network.ts';
import { Simulation } from './simulation.ts';

/** A leader and four followers at rest for ten minutes of virtual time. */
async function rest(ttl: number) {
  const simulation = new Simulation({ seed: 7, ttl });
  const leader = simulation.start('a');
  await simulation.run(1000);
  const followers = ['b', 'c', 'd', 'e'].map((id) => simulation.start(id));
  await simulation.run(ttl);
  const before = [leader, ...followers].map(({ paths }) => paths.store.traffic.requests);
  await simulation.run(600_000);
  const rates = [leader, ...followers].map(
    ({ paths }, index) => (paths.store.traffic.requests - (before[index] ?? 0)) / 600,
  );
  return { simulation, rates };
}

describe.each([5000, 8000])('with a TTL of %i ms', (ttl) => {
  it('a follower asks the store at most 0.25 times a second, a leader writes once per R', async () => {
    const { rates, simulation } = await rest(ttl);
    expect(simulation.referee.violation).toBeUndefined();
    expect(rates[0]).toBeCloseTo(5000 / ttl, 1);
    expect(Math.max(...rates.slice(1))).toBeLessThanOrEqual(0.25);
  });

  it('nothing changes hands while nothing fails', async () => {
    const { simulation } = await rest(ttl);
    expect(simulation.referee.terms).toHaveLength(1);
  });

  it('a release wakes four followers without a herd: few requests, one new leader', async () => {
    const { simulation } = await rest(ttl);
    const followers = simulation.processes.slice(1);
    const count = (): number => followers.reduce((sum, { paths }) => sum + paths.store.traffic.requests, 0);
    const before = count();
    simulation.leader?.stop();
    await simulation.runUntil(() => simulation.referee.terms.length > 1, ttl);
    expect(simulation.referee.terms).toHaveLength(2);
    expect(count() - before).toBeLessThanOrEqual(2 * followers.length);
  });
});

it('an outage shorter than 0.88 T - R changes nothing', async () => {
  const simulation = new Simulation({ seed: 3, ttl: 5000 });
  simulation.start('a');
  simulation.start('b');
  await simulation.run(10_000);
  const { leader } = simulation;
  for (let offset = 0; offset < 1000; offset += 50) {
    for (const { paths } of simulation.processes) paths.store.weather.isRefusing = true;
    await simulation.run(0.88 * 5000 - 1000 - 250);
    for (const { paths } of simulation.processes) paths.store.weather.isRefusing = false;
    await simulation.run(5000 + offset);
  }
  expect(simulation.referee.losses).toBe(0);
  expect(simulation.leader).toBe(leader);
  expect(simulation.referee.terms).toHaveLength(1);
});

it('I10: whatever the store takes up to opTimeout, with three to five processes, nothing changes hands', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const simulation = new Simulation({ seed, ttl: 5000 });
    const { random, timing } = simulation;
    simulation.start('a');
    await simulation.run(1000);
    for (const id of ['b', 'c', 'd', 'e'].slice(0, 2 + (seed % 3))) simulation.start(id);
    await simulation.run(10_000);
    for (let change = 0; change < 20; change += 1) {
      // Both ways together stay below the bound of a request.
      const latency = random.between(5, 0.49 * timing.opTimeout);
      for (const { paths } of simulation.processes) paths.store.weather = { ...CALM, latency };
      await simulation.run(random.between(0.2, 2) * timing.ttl);
    }
    expect(simulation.referee.violation, `seed ${seed}`).toBeUndefined();
    expect(simulation.referee.losses, `seed ${seed}`).toBe(0);
    expect(simulation.referee.terms, `seed ${seed}`).toHaveLength(1);
  }
});
