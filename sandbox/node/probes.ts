/**
 * Probes and hooks, with the kubelet's defaults (https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/):
 * an HTTP answer of 200–399, an accepted connection, or exit code 0 is a success. A startup probe holds the others back
 * until it succeeded once.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { SECOND } from '../../src/core/time.ts';
import type { Duration } from '../../src/core/time.ts';
import type { Action, ContainerSpec, Probe } from './pod.ts';

/** What an action acts on. */
export interface ActionTarget {
  readonly container: ContainerSpec;
  /** The pod's address. */
  readonly address: string;
  /** Runs a command as the container would, and answers its exit code. Ends with the signal. */
  readonly exec: (command: readonly string[], signal: AbortSignal) => Promise<number>;
}

/** What the probes of one container found; told only when it changes. */
export interface ProbeListener {
  /** The startup probe succeeded. */
  started(): void;
  ready(ready: boolean): void;
  /** A liveness or startup probe failed for good: the container is to be restarted. */
  unhealthy(probe: 'Liveness' | 'Startup'): void;
}

/** Runs an action once. False when it failed, or did not finish in time. Never rejects. */
export async function runAction(
  action: Action,
  target: ActionTarget,
  timeout: Duration,
  signal: AbortSignal,
): Promise<boolean> {
  const bound = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
  try {
    if (action.exec !== undefined) return (await target.exec(action.exec.command ?? [], bound)) === 0;
    if (action.httpGet !== undefined) return await httpAnswers(action.httpGet, target, bound);
    if (action.tcpSocket !== undefined) {
      const { port, host } = action.tcpSocket;
      return await tcpAccepts(host ?? target.address, portOf(port, target.container), bound);
    }
    if (action.sleep !== undefined) await sleep(action.sleep.seconds * SECOND, undefined, { signal: bound });
    return true;
  } catch {
    return false;
  }
}

function portOf(port: number | string, container: ContainerSpec): number {
  if (typeof port === 'number') return port;
  return container.ports?.find((one) => one.name === port)?.containerPort ?? Number(port);
}

function httpAnswers(
  get: NonNullable<Action['httpGet']>,
  target: ActionTarget,
  signal: AbortSignal,
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const secure = get.scheme === 'HTTPS';
  const call = (secure ? httpsRequest : httpRequest)(
    {
      host: get.host ?? target.address,
      port: portOf(get.port, target.container),
      path: get.path ?? '/',
      headers: Object.fromEntries((get.httpHeaders ?? []).map(({ name, value }) => [name, value])),
      agent: false,
      signal,
      // A probe asks whether somebody answers, not who: the kubelet does not verify either.
      ...(secure ? { rejectUnauthorized: false } : {}),
    },
    (response) => {
      const status = response.statusCode ?? 0;
      response.destroy();
      resolve(status >= 200 && status < 400);
    },
  );
  call.on('error', () => resolve(false));
  call.end();
  return promise;
}

function tcpAccepts(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host, port, signal });
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}

/** Runs the probes of a container that has just started, until the signal aborts. Never rejects. */
export async function runProbes(
  target: ActionTarget,
  listener: ProbeListener,
  signal: AbortSignal,
): Promise<void> {
  const { startupProbe, livenessProbe, readinessProbe } = target.container;
  if (startupProbe !== undefined) {
    const passed = await repeat(startupProbe, target, signal, (healthy) => (healthy ? 'stop' : 'fail'));
    if (passed === undefined) return;
    if (!passed) return listener.unhealthy('Startup');
    listener.started();
  }
  const ready = readinessProbe && repeat(readinessProbe, target, signal, tellReady(listener));
  const lives =
    livenessProbe && repeat(livenessProbe, target, signal, (healthy) => (healthy ? 'go on' : 'fail'));
  if ((await lives) === false) listener.unhealthy('Liveness');
  await ready;
}

type Verdict = 'go on' | 'stop' | 'fail';

function tellReady(listener: ProbeListener): (healthy: boolean) => Verdict {
  return (healthy) => {
    listener.ready(healthy);
    return 'go on';
  };
}

/**
 * Probes periodically and reports each change of the result, judged by the thresholds. Answers true after 'stop', false
 * after 'fail', undefined when the signal came first.
 */
async function repeat(
  probe: Probe,
  target: ActionTarget,
  signal: AbortSignal,
  onChange: (healthy: boolean) => Verdict,
): Promise<boolean | undefined> {
  const period = (probe.periodSeconds ?? 10) * SECOND;
  let run = 0;
  let last: boolean | undefined;
  let reported: boolean | undefined;
  let wait = (probe.initialDelaySeconds ?? 0) * SECOND;
  for (;;) {
    try {
      if (wait > 0) await sleep(wait, undefined, { signal, ref: false });
    } catch {
      return undefined;
    }
    const result = await runAction(probe, target, (probe.timeoutSeconds ?? 1) * SECOND, signal);
    if (signal.aborted) return undefined;
    run = result === last ? run + 1 : 1;
    last = result;
    const threshold = result ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
    if (result !== reported && run >= threshold) {
      reported = result;
      const verdict = onChange(result);
      if (verdict !== 'go on') return verdict === 'stop';
    }
    wait = period;
  }
}
