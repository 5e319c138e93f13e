/** What root of the machine can do, done for real, and how each attempt ends. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { AssayError, type Code, fail } from '../../src/base/errors.ts';
import { formatReceipt } from '../../src/log/index.ts';
import { connect } from '../client/index.ts';
import { launchSystem, type System, type SystemOptions } from '../launch/index.ts';
import type { SimulatedPlatform } from '../simulator/index.ts';
import { openMitm } from './man-in-the-middle.ts';
import { flipToAllow, forgeLog } from './forgery.ts';
import { attackLog } from './log-attacks.ts';
import { present, type Presented, type Scene } from './story.ts';

const HOUR_MS = 3_600_000;

/** How a client refuses an image that measures otherwise. */
const MISMATCH: Readonly<Record<SimulatedPlatform, Code>> = {
  nitro: 'NITRO_PCR_MISMATCH',
  tdx: 'TDX_MEASUREMENT_MISMATCH',
  snp: 'SNP_MEASUREMENT_MISMATCH',
};

interface HardwareAttack {
  readonly text: string;
  /** Named faults of the simulated hardware. */
  readonly fault: string;
  readonly code: Code;
}

/**
 * Where evidence needs endorsements, the host carries them, and where it runs guests, it can run them with its eyes
 * open. On Nitro the root of the parent instance can do neither.
 */
const HARDWARE_ATTACKS: Readonly<Record<SimulatedPlatform, readonly HardwareAttack[]>> = {
  nitro: [],
  tdx: [
    { text: 'the TD started in debug mode', fault: 'debug', code: 'TDX_DEBUG_MODE' },
    {
      text: "Intel's statement changed to say that an old platform is up to date",
      fault: 'tampered-tcb-info',
      code: 'COLLATERAL_SIGNATURE_INVALID',
    },
    {
      text: "Intel's statement of before its last recovery, genuine and in time",
      fault: 'rolled-back-tcb',
      code: 'TCB_EVALUATION_TOO_OLD',
    },
    {
      text: "a root of the attacker's under Intel's name",
      fault: 'same-name-root',
      code: 'CHAIN_ROOT_UNTRUSTED',
    },
  ],
  snp: [
    { text: 'the guest started so that its host can debug it', fault: 'debug', code: 'SNP_DEBUG_ALLOWED' },
    {
      text: 'a revocation list changed after it was signed',
      fault: 'tampered-crl',
      code: 'COLLATERAL_SIGNATURE_INVALID',
    },
    {
      text: 'the machine set back to firmware with known holes',
      fault: 'old-tcb',
      code: 'SNP_TCB_BELOW_MINIMUM',
    },
    {
      text: "a root of the attacker's under AMD's name",
      fault: 'same-name-root',
      code: 'CHAIN_ROOT_UNTRUSTED',
    },
  ],
};

/** The custodian colludes, so that it is the client who looks. */
async function attackHardware(scene: Scene, folder: string): Promise<void> {
  const { teller, options, trust } = scene;
  for (const { text, fault, code } of HARDWARE_ATTACKS[options.platform ?? 'nitro']) {
    const store = join(folder, `store-${fault}`);
    await teller.refused(text, [code], () =>
      withSystem({ ...options, store, faults: [fault], custodianColludes: true }, async ({ url }) =>
        (await connect(url, { trust })).close(),
      ),
    );
  }
}

/** Starts a service of the attacker's, beside the honest one; if it comes up at all, `use` is what a client would do. */
async function withSystem(options: SystemOptions, use: (system: System) => Promise<unknown>): Promise<void> {
  const system = await launchSystem({ ...options, listen: '127.0.0.1:0' });
  try {
    await use(system);
  } finally {
    await system.stop();
  }
}

/** A text that stands once in the compiled enclave, and in no clear way matters: one bit of it is enough. */
const PATCHED_TEXT = 'no policy maps this client key';

/** One byte of the compiled enclave, in a copy of the image whose checksum is made right again. */
function patchedImage(image: string, folder: string): string {
  const bytes = readFileSync(image);
  const at = bytes.indexOf(PATCHED_TEXT);
  if (at === -1) fail('STORY_BROKEN', 'the image does not hold the text that this attack patches');
  bytes[at] = (bytes[at] as number) ^ 0x20;
  // EIF header: CRC-32 over everything but itself, at byte 544. It finds accidents, not attackers.
  bytes.writeUInt32BE(crc32(bytes.subarray(548), crc32(bytes.subarray(0, 544))), 544);
  const path = join(folder, 'patched.img');
  writeFileSync(path, bytes);
  return path;
}

async function attackCode(scene: Scene, folder: string): Promise<void> {
  const { teller, options, trust } = scene;
  const image = patchedImage(options.image, folder);
  const store = join(folder, 'patched-store');
  const genesis = options.genesis;
  await teller.refused(
    'one byte of the enclave patched: the custodian gives it no key',
    ['KEY_RELEASE_DENIED'],
    () => withSystem({ ...options, image, store, genesis }, async () => undefined),
  );
  await teller.refused(
    'the same with a custodian who colludes: the client sees another measurement',
    [MISMATCH[options.platform ?? 'nitro']],
    () =>
      withSystem({ ...options, image, store, genesis, custodianColludes: true }, async ({ url }) =>
        (await connect(url, { trust })).close(),
      ),
  );
  await teller.refused(
    'the keyring swapped for the one of the patched enclave',
    ['KEYRING_BIRTH'],
    async () => {
      const swapped = copyOf(options.store, join(folder, 'store-2'));
      cpSync(keyringPath(store), keyringPath(swapped));
      await withSystem({ ...options, store: swapped, custodianColludes: true }, async () => undefined);
    },
  );
}

function keyringPath(store: string): string {
  return join(store, 'keyring');
}

function copyOf(store: string, to: string): string {
  cpSync(store, to, { recursive: true });
  return to;
}

async function attackReceipts(scene: Scene): Promise<void> {
  const { teller, shop, identity, decided } = scene;
  const refusedBy = async (asked: Presented): Promise<void> => {
    const code = await present(shop, identity, asked);
    if (code !== null) throw new AssayError(code as Code, 'refused by the tool');
  };
  const denied = decided.find(({ decision }) => decision.decision === 'deny');
  const allowed = decided.find(
    ({ decision, call }) => decision.decision === 'allow' && call.tool === 'refund',
  );
  if (denied === undefined || allowed === undefined)
    return fail('STORY_BROKEN', 'the sample calls lack a deny or a refund');
  const shown = { tool: denied.call.tool, arguments: denied.arguments, nonce: denied.nonce };
  await teller.refused(
    `deny turned into allow in the receipt of ${denied.call.tool}`,
    ['INCLUSION_INVALID'],
    () => refusedBy({ ...shown, receipt: formatReceipt(flipToAllow(denied.decision.receipt)) }),
  );
  await teller.refused(
    "a log of the attacker's own, with keys of his own under the right names",
    ['NOTE_UNSIGNED', 'NOT_HARDWARE_BOUND'],
    () =>
      refusedBy({
        ...shown,
        receipt: formatReceipt(forgeLog(denied.decision.receipt, scene.client.service)),
      }),
  );
  const spent = {
    tool: allowed.call.tool,
    nonce: allowed.nonce,
    receipt: formatReceipt(allowed.decision.receipt),
  };
  await teller.refused('a receipt used a second time at the tool', ['RECEIPT_REPLAYED'], () =>
    refusedBy({ ...spent, arguments: allowed.arguments }),
  );
  await teller.refused('the same receipt for a larger refund', ['RECEIPT_ACTION_MISMATCH'], () =>
    refusedBy({ ...spent, arguments: { order: 'A-17', amount_cents: 999_999 } }),
  );
}

async function attackSession(scene: Scene): Promise<void> {
  const { teller, system, trust, identity } = scene;
  const { hostname, port } = new URL(system.url.replace(/^assay:/, 'http:'));
  const mitm = await openMitm({ host: hostname, port: Number(port) });
  try {
    await teller.refused(
      "genuine evidence relayed into the attacker's TLS session",
      ['SESSION_MISMATCH'],
      async () => (await connect(mitm.url, { trust, identity })).close(),
    );
  } finally {
    await mitm.close();
  }
}

async function attackTime(scene: Scene, folder: string): Promise<void> {
  const { teller, options, client } = scene;
  await teller.refused('the policy order replayed', ['ORDER_OUT_OF_SEQUENCE'], () =>
    client.loadPolicy(scene.order, scene.bundle),
  );
  await teller.refused('the machine restarted with its clock an hour back', ['CLOCK_BEFORE_LOG'], () =>
    withSystem(
      { ...options, store: copyOf(options.store, join(folder, 'store-3')), clockOffsetMs: -HOUR_MS },
      async () => undefined,
    ),
  );
}

export async function attack(scene: Scene): Promise<void> {
  const folder = join(scene.scratch, 'attacks');
  mkdirSync(folder);
  await attackCode(scene, folder);
  await attackHardware(scene, folder);
  await attackReceipts(scene);
  await attackLog(scene, folder, scene.earlier);
  await attackSession(scene);
  await attackTime(scene, folder);
}
