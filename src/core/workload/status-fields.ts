/** The status of a workload's custom resource: the description behind its schema. See `reconcile/resource-status.ts`. */
import type { Field, Fields } from './field.ts';

const NAME_LENGTH = 253;
const REASON_LENGTH = 64;
/** Longest text for people; longer ones are cut before they are written. */
export const MESSAGE_LENGTH = 1024;

const MESSAGE: Field = { type: 'text', doc: 'One sentence for people.', maxLength: MESSAGE_LENGTH };

export const STATUS_FIELDS: Fields = {
  active: { type: 'boolean', doc: 'A permitted instance exists and has not ended.' },
  healthy: { type: 'boolean', doc: 'It is ready, or the work is done.' },
  reason: {
    type: 'text',
    doc: 'Why it is as it is, for example Active, WaitingForOldInstance or InvalidSpec.',
    maxLength: REASON_LENGTH,
  },
  lastError: { ...MESSAGE, doc: 'What somebody should look at; absent while all is well.' },
  lastTransition: { type: 'time', doc: 'When active or healthy changed last.' },
  observedGeneration: { type: 'integer', doc: 'The generation that this status is about.' },
  term: { type: 'integer', doc: 'The term of the leader that wrote this status.' },
  fencingToken: {
    type: 'integer',
    doc: 'The token of the instance, which the program sees as HIGHLANDER_FENCING_TOKEN. It rises with every instance.',
  },
  restarts: { type: 'integer', doc: 'Restarts that count against maxRestarts.' },
  instance: {
    type: 'object',
    doc: 'The instance.',
    fields: {
      podName: { type: 'text', doc: 'Its pod.', maxLength: NAME_LENGTH },
      podUID: { type: 'text', doc: 'The uid of its pod.', maxLength: 128 },
      node: { type: 'text', doc: 'The node it is bound to.', maxLength: NAME_LENGTH },
      startedAt: { type: 'time', doc: 'When its node took it up.' },
      image: { type: 'text', doc: 'The image of its main container.', maxLength: 4096 },
      templateHash: {
        type: 'text',
        doc: 'Hash of the spec it was made from; another one means a planned replacement.',
        maxLength: REASON_LENGTH,
      },
    },
  },
  schedule: {
    type: 'object',
    doc: 'Of a cron job: how it follows its schedule.',
    fields: {
      last: { type: 'time', doc: 'The last tick that was run.' },
      next: { type: 'time', doc: 'The next one; absent while it is suspended.' },
      missed: { type: 'integer', doc: 'Ticks that were missed since the last one that was run; at most 20.' },
    },
  },
  guarantee: {
    type: 'object',
    doc: 'Whether it is proven that no other instance runs.',
    fields: {
      level: {
        type: 'text',
        doc: 'Proven, or BestEffort: an earlier instance was given up and may run on.',
        maxLength: REASON_LENGTH,
        oneOf: ['Proven', 'BestEffort'],
      },
      proof: {
        type: 'text',
        doc: 'What stands in place of a proof: GivenUp or EvidenceRemoved.',
        maxLength: REASON_LENGTH,
      },
      since: { type: 'time', doc: 'Since when.' },
    },
  },
  record: {
    type: 'object',
    doc: 'What the controller must remember across a change of leader. Not for other programs.',
    fields: {
      templateHash: { type: 'text', doc: 'The spec this is about.', maxLength: REASON_LENGTH },
      outcome: {
        type: 'text',
        doc: 'Set once nothing more is started until the spec changes.',
        maxLength: REASON_LENGTH,
        oneOf: ['Completed', 'MaxRestartsExceeded'],
      },
      restarts: { type: 'integer', doc: 'Instances that were replaced because they ended.' },
      countedPodUID: { type: 'text', doc: 'The pod whose end is counted last.', maxLength: 128 },
      forgiven: {
        type: 'object',
        doc: 'Restarts in place that do not count any more.',
        fields: {
          podUID: { type: 'text', doc: 'Of which pod.', maxLength: 128 },
          restarts: { type: 'integer', doc: 'How many.' },
        },
      },
      ticks: {
        type: 'list',
        doc: 'Of a cron job: its last ticks.',
        maxItems: 64,
        items: {
          type: 'object',
          doc: 'A tick.',
          required: ['at'],
          fields: {
            at: { type: 'text', doc: 'Its time, or the request for a run out of turn.', maxLength: 128 },
            jobUID: { type: 'text', doc: 'The job that ran it; absent: it was missed.', maxLength: 128 },
          },
        },
      },
      givenUp: {
        type: 'object',
        doc: 'The instance that was given up without proof.',
        fields: {
          node: { type: 'text', doc: 'Where it ran.', maxLength: NAME_LENGTH },
          podUID: { type: 'text', doc: 'Its pod.', maxLength: 128 },
        },
      },
    },
  },
  conditions: {
    type: 'list',
    doc: 'Ready, Active, Progressing and Degraded.',
    maxItems: 16,
    unique: { by: 'type' },
    items: {
      type: 'object',
      doc: 'A condition.',
      required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
      fields: {
        type: { type: 'text', doc: 'Its name.', maxLength: 316 },
        status: { type: 'text', doc: 'Whether it holds.', maxLength: 8, oneOf: ['True', 'False', 'Unknown'] },
        observedGeneration: { type: 'integer', doc: 'The generation it is about.' },
        lastTransitionTime: { type: 'time', doc: 'When its status changed last.' },
        reason: { type: 'text', doc: 'One word.', maxLength: 1024 },
        message: { ...MESSAGE, maxLength: 32_768 },
      },
    },
  },
};
