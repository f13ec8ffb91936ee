/** Holds answers of the HTTP API against the OpenAPI document they claim to follow. */
import { Ajv2020 } from 'ajv/dist/2020.js';

interface Document {
  readonly paths: Readonly<
    Record<string, { readonly get?: { readonly responses: Readonly<Record<string, Response>> } }>
  >;
}

interface Response {
  readonly content?: Readonly<Record<string, unknown>>;
}

export interface ReceivedAnswer {
  readonly status: number;
  readonly contentType: string | null;
  readonly body: string;
}

export class OpenApi {
  readonly #document: Document;
  readonly #ajv: Ajv2020;

  /** `text`: the document as it is served. */
  constructor(text: string) {
    this.#document = JSON.parse(text) as Document;
    this.#ajv = new Ajv2020({ strict: false, allErrors: true });
    this.#ajv.addFormat('date-time', (value: string) =>
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value),
    );
    this.#ajv.addSchema(this.#document, 'api');
  }

  /** Those that can be read. */
  get paths(): readonly string[] {
    const { paths } = this.#document;
    return Object.keys(paths).filter((path) => paths[path]?.get !== undefined);
  }

  /** What is wrong with an answer to GET of a described path (with its braces); empty when nothing is. */
  check(path: string, { status, contentType, body }: ReceivedAnswer): readonly string[] {
    const response = this.#document.paths[path]?.get?.responses[String(status)];
    if (response === undefined) return [`${path}: ${status} is not described`];
    if (response.content === undefined) return body === '' ? [] : [`${path}: ${status} has a body`];
    const type = contentType?.split(';', 1)[0] ?? '';
    if (!Object.hasOwn(response.content, type)) return [`${path}: ${status} has the type ${type}`];
    const pointer = ['paths', path, 'get', 'responses', String(status), 'content', type, 'schema'];
    const escaped = pointer.map((part) =>
      encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')),
    );
    return this.#errors(`api#/${escaped.join('/')}`, JSON.parse(body), `${path} ${status}`);
  }

  /** The same for a value that claims to be one of the components. */
  checkComponent(name: string, value: unknown): readonly string[] {
    return this.#errors(`api#/components/schemas/${name}`, value, name);
  }

  #errors(reference: string, value: unknown, what: string): readonly string[] {
    const validate = this.#ajv.getSchema(reference);
    if (validate === undefined) return [`${what}: no such schema`];
    if (validate(value) === true) return [];
    return (validate.errors ?? []).map(({ instancePath, message }) => `${what}: ${instancePath} ${message}`);
  }
}
