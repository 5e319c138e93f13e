import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Io } from '../../host/cli/io.ts';
import { flipToAllow, forgeLog } from '../../host/story/forgery.ts';
import { copyLog } from '../../host/story/log-attacks.ts';
import { createTeller } from '../../host/story/steps.ts';
import { nodeCrypto } from '../../native/index.ts';
import { AssayError, codeOf } from '../../src/base/errors.ts';
import { verifyReceipt } from '../../verifier/index.ts';
import { TestLog } from '../support/log.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-story-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function heard(): { io: Io; text: () => string } {
  let text = '';
  const io = { out: (part: string) => void (text += part), isTty: false } as Io;
  return { io, text: () => text };
}

describe('the teller of the story', () => {
  it('numbers steps, and remembers each line that is not as it must be', () => {
    const { io, text } = heard();
    const teller = createTeller(io);
    teller.step('First');
    teller.line(true, 'ALLOW', 'as it must be');
    teller.step('Second');
    teller.line(false, 'DENY', 'a surprise');
    teller.note('a note');
    expect(teller.broken).toEqual(['DENY: a surprise']);
    expect(text()).toMatch(
      /\n1\. First\n {3}ALLOW {26}as it must be\n\n2\. Second\n {3}DENY {27}a surprise {3}<- NOT/,
    );
  });

  it('counts an attack as refused under the expected code only', async () => {
    const { io, text } = heard();
    const teller = createTeller(io);
    const failing = (error: unknown) => async (): Promise<never> => {
      throw error;
    };
    await teller.refused('refused', ['KEYRING_BIRTH'], failing(new AssayError('KEYRING_BIRTH', 'x')));
    expect(teller.broken).toEqual([]);
    await teller.refused('refused otherwise', ['KEYRING_BIRTH'], failing(new AssayError('USAGE', 'x')));
    await teller.refused('crashed', ['KEYRING_BIRTH'], failing(new TypeError('of ours')));
    await teller.refused('not refused', ['KEYRING_BIRTH'], async () => undefined);
    expect(teller.broken).toEqual([
      'USAGE: refused otherwise',
      'INTERNAL: crashed (TypeError: of ours)',
      'NOT REFUSED: not refused',
    ]);
    expect(text().match(/NOT AS IT MUST BE/g)).toHaveLength(3);
  });
});

describe('the attacks of the story', () => {
  it('break the story when the log is never published: STORY_BROKEN', async () => {
    const target = join(folder, 'copies');
    mkdirSync(target);
    await expect(copyLog(join(folder, 'no-store'), target, 1, 10)).toRejectWith('STORY_BROKEN');
  });

  it('forge as well as they can, and still fail to verify', async () => {
    const log = new TestLog();
    log.startEpoch();
    log.loadPolicy();
    const denied = log.receipt(log.decide({ decision: 'deny' }).index);
    const { service } = log.current;
    await verifyReceipt(denied, service, nodeCrypto);
    const codes = [flipToAllow(denied), forgeLog(denied, service as never)].map((forged) =>
      verifyReceipt(forged, service, nodeCrypto).then(() => 'VERIFIED', codeOf),
    );
    expect(await Promise.all(codes)).toEqual([
      'INCLUSION_INVALID',
      expect.stringMatching(/^NOTE_UNSIGNED$|^NOT_HARDWARE_BOUND$/),
    ]);
  });
});
