/** The server of the rows about the HTTP API, as a program of its own. `node api-server.ts COUNT`; told what to do by messages. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSystem } from '../src/adapters/system.ts';
import { listen } from '../src/server/http.ts';
import { Router } from '../src/server/route.ts';
import { openV1 } from '../src/server/v1/routes.ts';
import { ShownWorld } from '../test/shown-world.ts';

const [count = '0'] = process.argv.slice(2);
const world = new ShownWorld();
for (let number = 0; number < Number(count); number++) world.set(keyOf(number));

const system = createSystem({ level: 'error', format: 'text', fields: {} });
const server = await listen(0, new Router(openV1(world, system).routes), system);
if ('code' in server) throw new Error(server.message);

const page = await (await fetch(`http://127.0.0.1:${server.port}/api/v1/workloads`)).text();
const message = `event: delta\nid: x\ndata: ${'x'.repeat(2000)}\n\n`;
const listeners = new Set<ServerResponse>();
const floor = createServer((request, response) => {
  if (request.url !== '/stream') {
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(page),
    });
    return void response.end(page);
  }
  listeners.add(response);
  response.on('close', () => listeners.delete(response));
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(message);
});

let changes = 0;
process.on('message', (what) => {
  if (what === 'write') for (const response of listeners) response.write(message);
  // Ten workloads of the namespace that the streams watch.
  if (what === 'change')
    for (let at = 0; at < 10; at++) world.set(keyOf(at * 10), { restarts: (changes += 1) });
});

floor.listen(0, '127.0.0.1', () => {
  process.send?.({ ours: server.port, floor: (floor.address() as AddressInfo).port });
});

function keyOf(number: number): string {
  return `process/ns-${number % 10}/workload-${number}`;
}
