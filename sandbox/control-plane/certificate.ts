/**
 * X.509 certificates (RFC 5280) with ECDSA P-256 keys, as far as a throw-away cluster needs them, so that a sandbox
 * needs no openssl. `node:crypto` makes keys and signatures; only the DER frame (ITU-T X.690) is written here.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isIPv4 } from 'node:net';

/** A certificate and its private key, both PEM. */
export interface Credential {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority: signs, and is what clients and servers are told to trust. */
export interface Authority extends Credential {
  readonly name: string;
}

/** Who a certificate is for. Kubernetes reads the common name as the user and each organization as a group. */
export interface Subject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
}

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
} as const;

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  const digits = length.subarray(length.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.from([tag, 0x80 | digits.length]), digits, body]);
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let high = arc >> 7; high > 0; high >>= 7) digits.unshift((high & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return der(TAG.oid, Buffer.from(bytes));
}

function name(subject: Subject): Buffer {
  const attribute = (type: string, value: string): Buffer =>
    der(TAG.set, der(TAG.sequence, oid(type), der(TAG.utf8String, Buffer.from(value))));
  return der(
    TAG.sequence,
    ...(subject.organizations ?? []).map((group) => attribute(OID.organization, group)),
    attribute(OID.commonName, subject.commonName),
  );
}

/** UTCTime, which RFC 5280 §4.1.2.5 wants for years before 2050. */
function time(at: Date): Buffer {
  const text = `${at.toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)}Z`;
  return der(TAG.utcTime, Buffer.from(text));
}

function extension(type: string, critical: boolean, value: Buffer): Buffer {
  const flag = critical ? [der(TAG.boolean, Buffer.from([0xff]))] : [];
  return der(TAG.sequence, oid(type), ...flag, der(TAG.octetString, value));
}

/** An unsigned, positive 127-bit serial number. */
function serial(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return der(TAG.integer, bytes);
}

function keyIdentifier(publicKey: KeyObject): Buffer {
  return createHash('sha1')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest();
}

interface Issuer {
  readonly name: string;
  readonly key: KeyObject;
  readonly keyIdentifier: Buffer;
}

const DAY_MS = 86_400_000;

function certify(subject: Subject, key: KeyObject, issuer: Issuer, extensions: readonly Buffer[]): string {
  const algorithm = der(TAG.sequence, oid(OID.ecdsaWithSha256));
  const now = Date.now();
  const body = der(
    TAG.sequence,
    der(0xa0, der(TAG.integer, Buffer.from([2]))), // version 3
    serial(),
    algorithm,
    name({ commonName: issuer.name }),
    der(TAG.sequence, time(new Date(now - DAY_MS)), time(new Date(now + 3650 * DAY_MS))),
    name(subject),
    key.export({ type: 'spki', format: 'der' }),
    der(
      0xa3,
      der(
        TAG.sequence,
        extension(OID.subjectKeyIdentifier, false, der(TAG.octetString, keyIdentifier(key))),
        extension(OID.authorityKeyIdentifier, false, der(TAG.sequence, der(0x80, issuer.keyIdentifier))),
        ...extensions,
      ),
    ),
  );
  const signature = der(TAG.bitString, Buffer.from([0]), sign('sha256', body, issuer.key));
  const base64 = der(TAG.sequence, body, algorithm, signature).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** keyUsage bits are counted from the left: 0x80 digitalSignature, 0x04 keyCertSign. */
function keyUsage(bits: number, unused: number): Buffer {
  return extension(OID.keyUsage, true, der(TAG.bitString, Buffer.from([unused, bits])));
}

/** Makes a new self-signed authority. */
export function createAuthority(commonName: string): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = { name: commonName, key: privateKey, keyIdentifier: keyIdentifier(publicKey) };
  const certificate = certify({ commonName }, publicKey, issuer, [
    extension(OID.basicConstraints, true, der(TAG.sequence, der(TAG.boolean, Buffer.from([0xff])))),
    keyUsage(0x84, 2),
  ]);
  return { name: commonName, certificate, key: pem(privateKey) };
}

function issue(authority: Authority, subject: Subject, extensions: readonly Buffer[]): Credential {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = {
    name: authority.name,
    key: createPrivateKey(authority.key),
    keyIdentifier: keyIdentifier(createPublicKey(authority.key)),
  };
  const certificate = certify(subject, publicKey, issuer, [keyUsage(0x80, 7), ...extensions]);
  return { certificate, key: pem(privateKey) };
}

/** A certificate with which a client proves to be `subject`. */
export function issueClient(authority: Authority, subject: Subject): Credential {
  return issue(authority, subject, [
    extension(OID.extendedKeyUsage, false, der(TAG.sequence, oid(OID.clientAuth))),
  ]);
}

/** A certificate for a server that answers under each of `hosts` (DNS names and IPv4 addresses). */
export function issueServer(authority: Authority, commonName: string, hosts: readonly string[]): Credential {
  const names = hosts.map((host) =>
    isIPv4(host) ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host)),
  );
  return issue(authority, { commonName }, [
    extension(OID.extendedKeyUsage, false, der(TAG.sequence, oid(OID.serverAuth))),
    extension(OID.subjectAltName, false, der(TAG.sequence, ...names)),
  ]);
}

/** A bare signing key, for service account tokens. */
export function createKeyPair(): { readonly publicKey: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(), key: pem(privateKey) };
}
