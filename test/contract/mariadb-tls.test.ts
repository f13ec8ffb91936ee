/** TLS to MariaDB, as the URL asks for it. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, issueServer } from '../../sandbox/control-plane/certificate.ts';
import { createProgress } from '../../sandbox/progress.ts';
import { startMariadb, type MariadbServer } from '../../sandbox/servers/mariadb.ts';
import { openDatabaseStore } from '../../src/adapters/lock/database.ts';
import { createSystem } from '../../src/adapters/system.ts';

const never = new AbortController().signal;
const system = createSystem({ level: 'error', format: 'text', fields: {} });
let folder: string;
let server: MariadbServer;
let plain: MariadbServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'k8-highlander-tls-'));
  await chmod(folder, 0o755);
  const authority = createAuthority('database authority');
  const issued = issueServer(authority, 'db', ['localhost']);
  const elsewhere = issueServer(authority, 'db', ['db.example']);
  const stranger = createAuthority('another authority');
  const files = {
    'ca.crt': authority.certificate,
    'another.crt': stranger.certificate,
    'server.crt': issued.certificate,
    'server.key': issued.key,
    'elsewhere.crt': elsewhere.certificate,
    'elsewhere.key': elsewhere.key,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  [server, plain] = await Promise.all([
    startMariadb(surroundings, never, tlsArgs('server')),
    startMariadb(surroundings, never),
  ]);
});
afterAll(async () => {
  await server?.stop();
  await plain?.stop();
  await rm(folder, { recursive: true, force: true });
});

function tlsArgs(name: string): readonly string[] {
  const files = { ca: 'ca.crt', cert: `${name}.crt`, key: `${name}.key` };
  const paths = Object.entries(files).map(([part, file]) => `--ssl-${part}=${join(folder, file)}`);
  return ['--require-secure-transport=ON', ...paths];
}

async function read(host: string, query: string): Promise<unknown> {
  const options = { timeout: 2_000 };
  const store = await openDatabaseStore(`mysql://root@${host}/test${query}`, options, system);
  if (!('kind' in store)) return store;
  try {
    return await store.read('blue', never);
  } finally {
    await store.close();
  }
}

describe('TLS to MariaDB', () => {
  const free = { kind: 'free', epoch: 0 };
  const refused = (cause: string) => ({ kind: 'unavailable', cause: expect.stringContaining(cause) });

  it('is used as ssl-mode says', async () => {
    const local = `localhost:${server.port}`;
    const ca = `&ssl-ca=${folder}/ca.crt`;
    expect(await read(local, '?ssl-mode=REQUIRED')).toEqual(free);
    expect(await read(local, `?ssl-mode=VERIFY_CA${ca}`)).toEqual(free);
    expect(await read(local, `?ssl-mode=VERIFY_IDENTITY${ca}`)).toEqual(free);
    expect(await read(local, '')).toMatchObject(refused('set ssl-mode=REQUIRED'));
  });

  it('trusts nobody it should not', async () => {
    const numeric = `127.0.0.1:${server.port}`;
    const ca = `&ssl-ca=${folder}/ca.crt`;
    expect(await read(numeric, `?ssl-mode=VERIFY_CA${ca}`)).toEqual(free);
    expect(await read(numeric, '?ssl-mode=VERIFY_CA')).toMatchObject(refused('could not be trusted'));
    expect(await read(numeric, `?ssl-mode=VERIFY_CA&ssl-ca=${folder}/another.crt`)).toMatchObject(
      refused('could not be trusted'),
    );
    expect(await read(numeric, `?ssl-mode=VERIFY_CA&ssl-ca=${folder}/none.crt`)).toMatchObject(
      refused('ssl-ca'),
    );
  });

  it('knows the host by its name', async () => {
    await server.restart(tlsArgs('elsewhere'));
    const ca = `&ssl-ca=${folder}/ca.crt`;
    const local = `localhost:${server.port}`;
    expect(await read(local, `?ssl-mode=VERIFY_CA${ca}`)).toEqual(free);
    expect(await read(local, `?ssl-mode=VERIFY_IDENTITY${ca}`)).toMatchObject(
      refused('could not be trusted'),
    );
  });

  it('is not given up where the server has none', async () => {
    expect(await read(plain.address, '?ssl-mode=REQUIRED')).toMatchObject(refused('offers no encryption'));
  });
});
