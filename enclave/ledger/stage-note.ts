/**
 * What authenticates staged leaves after a crash. Leaves are durable before their checkpoint is signed, so the
 * newest of them may be covered by no checkpoint that survived. If recovery took them on trust, a host could put
 * a decision of its own behind the last checkpoint and have it signed.
 *
 * So each batch is staged with a note by the epoch key over the tree that the batch makes. It has the form of a
 * checkpoint under another origin, `<origin>/stage`: it can neither stand in a receipt nor be cosigned, and a
 * batch that was never acknowledged leaves nothing behind that a client would accept.
 */
import { utf8 } from '../../src/base/bytes.ts';
import type { Crypto } from '../../src/base/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import {
  epochKeyName,
  epochOfKeyName,
  formatCheckpoint,
  parseCheckpoint,
  type TreeHead,
} from '../../src/log/checkpoint.ts';
import {
  decodeNote,
  NOTE_ED25519,
  type Note,
  type NoteSigner,
  noteKey,
  parseNote,
  signNote,
  verifyNote,
} from '../../src/log/note.ts';

const stageOrigin = (origin: string): string => `${origin}/stage`;

/** Signs the head that the tree has once the batch is durable. */
export function signStageNote(head: TreeHead, epoch: NoteSigner): Uint8Array {
  return utf8(signNote(formatCheckpoint({ ...head, origin: stageOrigin(head.origin) }), [epoch]));
}

export interface OpenedStageNote {
  readonly size: number;
  readonly root: Uint8Array;
  /** The epoch that claims to have signed. */
  readonly epoch: number;
  readonly note: Note;
}

/** Reads a stage note; `RECOVERY_STAGE_INVALID` when it is none of this log. Verifies nothing. */
export function openStageNote(bytes: Uint8Array, origin: string): OpenedStageNote {
  try {
    const note = parseNote(decodeNote(bytes));
    const head = parseCheckpoint(note.text);
    const epoch = epochOfKeyName(origin, note.signatures[0]?.name ?? '');
    if (head.origin === stageOrigin(origin) && head.extensions.length === 0 && epoch !== null)
      return { size: head.size, root: head.root, epoch, note };
  } catch (cause) {
    return fail('RECOVERY_STAGE_INVALID', 'a staged batch has no readable note', { cause });
  }
  return fail('RECOVERY_STAGE_INVALID', 'a staged batch has the note of another log');
}

/** Throws `RECOVERY_STAGE_INVALID` unless the epoch's key signed the note. */
export async function verifyStageNote(
  opened: OpenedStageNote,
  origin: string,
  epochKey: Uint8Array,
  crypto: Crypto,
): Promise<void> {
  const key = noteKey(crypto, epochKeyName(origin, opened.epoch), NOTE_ED25519, epochKey);
  try {
    await verifyNote(opened.note, [key], crypto);
  } catch (cause) {
    fail(
      'RECOVERY_STAGE_INVALID',
      `staged leaves up to ${opened.size} are not signed by epoch ${opened.epoch}`,
      {
        cause,
      },
    );
  }
}
