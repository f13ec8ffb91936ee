import { X509Certificate, createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:tls';
import { expect, test } from 'vitest';
import { createAuthority, issueClient, issueServer } from './certificate.ts';

const authority = createAuthority('test authority');

test('an authority is a CA signed by itself', () => {
  const certificate = new X509Certificate(authority.certificate);
  expect(certificate.ca).toBe(true);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
});

test('a client certificate names the user and each group', () => {
  const client = issueClient(authority, { commonName: 'controller-1', organizations: ['one', 'two'] });
  const certificate = new X509Certificate(client.certificate);
  expect(certificate.subject).toBe('O=one\nO=two\nCN=controller-1');
  expect(certificate.checkPrivateKey(createPrivateKey(client.key))).toBe(true);
  expect(certificate.checkIssued(new X509Certificate(authority.certificate))).toBe(true);
});

test('a server certificate is for its hosts only', () => {
  const server = issueServer(authority, 'server', ['127.0.0.1', 'localhost']);
  const certificate = new X509Certificate(server.certificate);
  expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(certificate.checkIP('127.0.0.2')).toBeUndefined();
  expect(certificate.checkHost('localhost')).toBe('localhost');
});

test('a subject of more than 127 bytes is encoded with a long length', () => {
  const name = 'n'.repeat(300);
  expect(new X509Certificate(issueClient(authority, { commonName: name }).certificate).subject).toBe(
    `CN=${name}`,
  );
});

test('mutual TLS works between what one authority issued, and fails for another', async () => {
  const serving = issueServer(authority, 'server', ['127.0.0.1']);
  const server = createServer({
    ca: authority.certificate,
    cert: serving.certificate,
    key: serving.key,
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const attempt = async (issuer: typeof authority): Promise<string> => {
    const client = issueClient(issuer, { commonName: 'user' });
    const seen = Promise.race([once(server, 'secureConnection'), once(server, 'tlsClientError')]);
    const socket = connect({
      port,
      host: '127.0.0.1',
      ca: authority.certificate,
      cert: client.certificate,
      key: client.key,
    });
    socket.on('error', () => {});
    const [at] = (await seen) as [Error | { authorized: boolean }];
    socket.destroy();
    return at instanceof Error ? 'refused' : 'accepted';
  };
  expect(await attempt(authority)).toBe('accepted');
  expect(await attempt(createAuthority('stranger'))).toBe('refused');
  server.close();
});
