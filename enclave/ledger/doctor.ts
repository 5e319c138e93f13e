/**
 * Brings a failed store back: opens it again and again, with growing pauses, and looks whether it still holds the
 * log that was acknowledged. Opening proves that the disk takes bytes (the store writes and syncs on opening).
 *
 * The store may then hold one batch more than we know of: the one whose answer was lost. Any other batch was
 * written by another enclave; this one then stops for good, because going on would overwrite what that one has
 * acknowledged.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { equalBytes } from '../../src/base/bytes.ts';
import { AssayError, codeOf, fail } from '../../src/base/errors.ts';
import type { StoreClient } from './store-client.ts';

export interface DoctorParts {
  readonly store: StoreClient;
  /** Leaves that are acknowledged. */
  readonly size: () => number;
  readonly pauses: { readonly first: number; readonly most: number };
  readonly onCure: () => void;
}

export interface Doctor {
  /** Why nothing is staged; null while the store serves. */
  readonly illness: AssayError | null;
  /** From now on nothing is staged. The first report stands until the cure. */
  report(error: unknown): void;
  /** A batch with this note was sent and not answered: it may be on the disk. */
  doubt(note: Uint8Array): void;
  /** A batch was answered: it has replaced whatever was in doubt. */
  settle(): void;
  /** Starts to cure; only when no call to the store is in flight. */
  treat(): void;
  stop(): void;
}

function asError(error: unknown): AssayError {
  if (codeOf(error) === 'STORE_SESSION_ENDED')
    return new AssayError('LOG_SUPERSEDED', 'another writer has opened the store', { cause: error });
  if (error instanceof AssayError) return error;
  return new AssayError('LOG_UNAVAILABLE', 'the store failed in an unknown way', { cause: error });
}

export function createDoctor({ store, size, pauses, onCure }: DoctorParts): Doctor {
  const stopped = new AbortController();
  let illness: AssayError | null = null;
  let doubtful: Uint8Array[] = [];
  let treating = false;

  async function examine(): Promise<void> {
    const opened = await store.open();
    const acknowledged = size();
    if (opened.next < acknowledged)
      fail('LOG_TAIL_LOST', `the store has ${opened.next} leaves, acknowledged are ${acknowledged}`);
    if (opened.published > acknowledged)
      fail(
        'LOG_SUPERSEDED',
        `the store has published ${opened.published} leaves, acknowledged are ${acknowledged}`,
      );
    if (opened.next === acknowledged) {
      doubtful = [];
      return;
    }
    const tail = await store.staged(acknowledged);
    const ours = doubtful.find((note) => tail?.first === acknowledged && equalBytes(note, tail.note));
    if (ours === undefined) fail('LOG_SUPERSEDED', `leaf ${acknowledged} of the store is another writer's`);
    doubtful = [ours as Uint8Array];
  }

  async function cure(): Promise<void> {
    let pause = pauses.first;
    while (illness !== null && illness.code !== 'LOG_SUPERSEDED') {
      try {
        await sleep(pause, undefined, { signal: stopped.signal });
      } catch {
        return;
      }
      try {
        await examine();
        illness = null;
        // In the same turn: whoever sees the cure finds the publisher at work.
        onCure();
      } catch (error) {
        illness = asError(error);
        pause = Math.min(2 * pause, pauses.most);
      }
    }
  }

  return {
    get illness() {
      return illness;
    },
    report(error) {
      illness ??= asError(error);
    },
    doubt(note) {
      doubtful.push(note);
    },
    settle() {
      doubtful = [];
    },
    treat() {
      if (treating || illness === null) return;
      treating = true;
      void cure().then(() => {
        treating = false;
        // A report that came while the cure was ending has not been treated yet.
        if (illness !== null && !stopped.signal.aborted && illness.code !== 'LOG_SUPERSEDED') this.treat();
      });
    },
    stop() {
      stopped.abort();
    },
  };
}
