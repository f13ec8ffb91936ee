/** A process of its own with a lock file: does what it is told over IPC and answers. Started by `sqlite.test.ts`. */
import { openSqliteLock } from '../../src/adapters/lock/sqlite.ts';
import { createSystem } from '../../src/adapters/system.ts';

/** One order and its answer carry the same number. */
export type Order = { readonly id: number } & (
  | { readonly kind: 'acquire'; readonly nonce: string; readonly ttl: number }
  | { readonly kind: 'renew'; readonly nonce: string; readonly epoch: number; readonly ttl: number }
  | { readonly kind: 'release'; readonly nonce: string; readonly epoch: number }
);

const [path = ''] = process.argv.slice(2);
const store = openSqliteLock(
  { path, timeout: 3000 },
  createSystem({ level: 'error', format: 'text', fields: {} }),
);

async function carryOut(order: Order): Promise<unknown> {
  const signal = new AbortController().signal;
  switch (order.kind) {
    case 'acquire':
      return store.acquire({ name: 'blue', holder: order.nonce, floor: 0, ...order }, signal);
    case 'renew':
      return store.renew({ name: 'blue', ...order }, signal);
    case 'release':
      return store.release({ name: 'blue', ...order }, signal);
  }
}

process.on('message', (order: Order) => {
  void carryOut(order).then((reply) => process.send?.({ id: order.id, reply }));
});
process.on('disconnect', () => process.exit());
process.send?.({ id: 0 });
