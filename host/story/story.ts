/**
 * The main job: verify the enclave, decide eight tool calls, gate a tool server by receipts, verify the receipts
 * offline, and attack all of it. Ends with STORY_BROKEN when any step did not end as it must.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonValue } from '../../src/codec/json.ts';
import { formatReceipt } from '../../src/log/receipt.ts';
import type { TrustPolicy } from '../../verifier/index.ts';
import { verifyReceipt } from '../../verifier/index.ts';
import { nodeCrypto } from '../../native/index.ts';
import { type AssayClient, type ClientIdentity, connect, type Decision } from '../client/index.ts';
import type { Io } from '../cli/io.ts';
import type { System, SystemOptions } from '../launch/index.ts';
import { attack } from './attacks.ts';
import { auditCopy, copyLog, heldReceipts, sealNow } from './log-attacks.ts';
import { SAMPLE_CALLS, type SampleCall } from './calls.ts';
import { openShop, type Shop } from './shop.ts';
import { createTeller, type Teller } from './steps.ts';

export interface StoryOptions {
  readonly io: Io;
  readonly system: System;
  /** How the system was started, so that attacks can start their own. */
  readonly options: SystemOptions;
  readonly trust: TrustPolicy;
  readonly identity: ClientIdentity;
  /** The policy order and bundle in force: an attacker has them too. */
  readonly order: Uint8Array;
  readonly bundle: Uint8Array;
}

/** A call that was decided: what the tool server is shown. */
export interface DecidedCall {
  readonly call: SampleCall;
  readonly decision: Decision;
  readonly nonce: Uint8Array;
  /** After the transform, if there was one. */
  readonly arguments: JsonValue;
}

export interface Scene extends StoryOptions {
  readonly teller: Teller;
  readonly client: AssayClient;
  readonly shop: Shop;
  readonly decided: readonly DecidedCall[];
  /** Scratch space that is gone after the story. */
  readonly scratch: string;
  /** A copy of the log from before the decisions. */
  readonly earlier: string;
}

async function decideCalls(client: AssayClient, audience: string, teller: Teller): Promise<DecidedCall[]> {
  const out: DecidedCall[] = [];
  for (const call of SAMPLE_CALLS) {
    const nonce = new Uint8Array(randomBytes(16));
    const started = performance.now();
    const decision = await client.decide({
      interventionPoint: 'pre_tool_call',
      snapshot: { tool_call: { name: call.tool, args: call.arguments } },
      audience,
      nonce,
    });
    const ms = (performance.now() - started).toFixed(1);
    const why = decision.rule ?? decision.reason ?? '';
    teller.line(
      decision.decision === call.decision,
      decision.decision.toUpperCase(),
      `${call.tool} ${JSON.stringify(call.arguments)}  ${why}  ${ms} ms, leaf ${decision.leaf.index}`,
    );
    out.push({ call, decision, nonce, arguments: decision.target ?? call.arguments });
  }
  return out;
}

export interface Presented {
  readonly tool: string;
  readonly arguments: JsonValue;
  readonly nonce: Uint8Array;
  readonly receipt: string;
}

/** Presents a call to the shop over HTTPS with the agent's client key; resolves with the refusal code or null. */
export async function present(shop: Shop, identity: ClientIdentity, call: Presented): Promise<string | null> {
  const body = JSON.stringify({ arguments: call.arguments, nonce: toHex(call.nonce), receipt: call.receipt });
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port: shop.port,
        path: `/tools/${call.tool}`,
        method: 'POST',
        key: identity.key,
        cert: identity.cert,
        rejectUnauthorized: false,
        agent: false,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('end', () =>
          resolve(response.statusCode === 200 ? null : String((JSON.parse(text) as { code: string }).code)),
        );
      },
    );
    asked.on('error', reject).end(body);
  });
}

async function gateCalls(scene: Scene): Promise<void> {
  for (const { call, decision, nonce, arguments: args } of scene.decided) {
    const refused = await present(scene.shop, scene.identity, {
      tool: call.tool,
      arguments: args,
      nonce,
      receipt: formatReceipt(decision.receipt),
    });
    const may = decision.decision === 'allow' || decision.decision === 'transform';
    scene.teller.line((refused === null) === may, refused ?? 'DONE', `${call.tool} ${JSON.stringify(args)}`);
  }
}

async function verifyOffline(scene: Scene): Promise<void> {
  const { teller, client, decided, options, scratch } = scene;
  let started = performance.now();
  const elapsed = (): string => `${(performance.now() - started).toFixed(0)} ms`;
  for (const { decision } of decided) await verifyReceipt(decision.receipt, client.service, nodeCrypto);
  teller.line(
    true,
    'VERIFIED',
    `${decided.length} receipts against the attested keys, without the enclave, in ${elapsed()}`,
  );
  await sealNow(client);
  const size = (await client.status()).size;
  const copy = await copyLog(options.store, join(scratch, 'audit'), size);
  started = performance.now();
  const report = await auditCopy(scene, copy, heldReceipts(scene));
  const { seals, grades } = report;
  teller.line(
    report.verdict === 'trusted',
    report.verdict.toUpperCase(),
    `${report.size} leaves, ${seals.quoted} of ${seals.count} seals with evidence, ${report.receipts} receipts agree, audited in ${elapsed()}`,
  );
  teller.note(`grades: ${grades.join(', ')}`);
}

function tellVerdict(client: AssayClient, teller: Teller): void {
  const { verdict, service } = client;
  teller.line(
    verdict.verdict === 'trusted',
    verdict.verdict.toUpperCase(),
    `${service.origin}, epoch ${service.epoch}, ${verdict.checks.filter(({ status }) => status === 'pass').length} checks passed`,
  );
  for (const { name, clause } of verdict.checks.filter(({ status }) => status === 'pass').slice(0, 4))
    teller.note(`pass  ${name}: ${clause}`);
  teller.note(`… all of them: assay verify URL --trust FILE`);
  if (verdict.waived.length > 0) teller.note(`waived by the trust policy: ${verdict.waived.join(', ')}`);
}

export async function runStory(options: StoryOptions): Promise<void> {
  const { io, system, trust, identity } = options;
  const teller = createTeller(io);
  teller.step('Verify the enclave before speaking to it');
  const client = await connect(system.url, { trust, identity, fresh: true });
  tellVerdict(client, teller);
  await client.loadPolicy(options.order, options.bundle).catch((error: unknown) => {
    // A second run finds its policy in force already.
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ORDER_OUT_OF_SEQUENCE')
      throw error;
  });
  const shop = await openShop(client.service, Date.now);
  const scratch = mkdtempSync(join(tmpdir(), 'assay-story-'));
  try {
    mkdirSync(join(scratch, 'earlier'));
    mkdirSync(join(scratch, 'audit'));
    const earlier = await copyLog(options.options.store, join(scratch, 'earlier'), 1);
    teller.step('Decide eight tool calls of a shop assistant under its Cedar policy');
    const decided = await decideCalls(client, shop.audience, teller);
    const scene: Scene = { ...options, teller, client, shop, decided, scratch, earlier };
    teller.step('Gate the tools by receipts: no receipt, no action');
    await gateCalls(scene);
    teller.step('Verify the receipts and audit the log, offline');
    await verifyOffline(scene);
    teller.step("Attack it as the machine's root would");
    await attack(scene);
  } finally {
    client.close();
    await shop.close();
    rmSync(scratch, { recursive: true, force: true });
  }
  if (teller.broken.length > 0) fail('STORY_BROKEN', teller.broken.join('; '));
  io.out('\nEvery step held.\n');
}
