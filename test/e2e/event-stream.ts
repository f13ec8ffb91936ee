/** A client of the live stream as its contract wants it: replaces on a snapshot, applies deltas, opens anew on a gap. */
import { get, type ClientRequest } from 'node:http';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import type { OpenApi } from '../open-api.ts';

type Json = Readonly<Record<string, any>>;

export class EventStream {
  readonly rows = new Map<string, Json>();
  readonly #port: number;
  readonly #received: (readonly [component: string, data: Json])[] = [];
  #request: ClientRequest | undefined;
  #held: string | undefined;
  #isClosed = false;
  summary: Json | undefined;

  private constructor(port: number) {
    this.#port = port;
  }

  static async open(controller: ControllerProcess): Promise<EventStream> {
    const { ports } = await controller.waitForLog('its ports', (line) => line.msg === 'starting');
    const stream = new EventStream((ports as number[])[0] ?? 0);
    stream.#connect();
    return stream;
  }

  /** What was received and is not as the document describes it. */
  faults(openApi: OpenApi): readonly string[] {
    return this.#received.flatMap(([component, data]) => openApi.checkComponent(component, data));
  }

  close(): void {
    this.#isClosed = true;
    this.#request?.destroy();
  }

  #connect(): void {
    const headers = {
      accept: 'text/event-stream',
      ...(this.#held === undefined ? {} : { 'last-event-id': this.#held }),
    };
    const options = { port: this.#port, host: '127.0.0.1', path: '/api/v1/stream', headers, agent: false };
    const request = get(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          this.#take(text.slice(0, end));
          text = text.slice(end + 2);
        }
      });
      response.on('end', () => this.#again());
      response.on('error', () => this.#again());
    });
    request.on('error', () => this.#again());
    this.#request = request;
  }

  #again(): void {
    if (!this.#isClosed) setTimeout(() => this.#connect(), 200).unref();
  }

  #take(event: string): void {
    const kind = /^event: (\w+)$/m.exec(event)?.[1];
    const data = /^data: (.*)$/m.exec(event)?.[1];
    if (kind === undefined || data === undefined) return;
    const message = JSON.parse(data) as Json;
    this.#received.push([kind === 'snapshot' ? 'StreamSnapshot' : 'StreamDelta', message]);
    if (kind === 'snapshot') this.rows.clear();
    else if (message['prev'] !== this.#held) {
      this.#held = undefined;
      this.#request?.destroy();
      return;
    }
    for (const row of message['workloads'] ?? message['upsert'].workloads)
      this.rows.set(`${row.kind}/${row.namespace}/${row.name}`, row);
    for (const key of message['remove']?.workloads ?? []) this.rows.delete(key);
    this.summary = message['summary'] ?? this.summary;
    this.#held = message['rev'];
  }
}
