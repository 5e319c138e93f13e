/**
 * A disk in memory that loses power. What was not synced may be lost, kept or torn; names change in the order in
 * which they were changed, up to some point after the last synced one (as a file system with a journal does it).
 */
import type { Disk, DiskFile } from '../../host/store/index.ts';

interface Node {
  /** What reading gives. */
  bytes: Uint8Array;
  /** What is certain to survive. */
  durable: Uint8Array;
}

type Names = ReadonlyMap<string, Node | 'folder'>;

function lost(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

export class CrashDisk {
  readonly #random: () => number;
  /** Every state of the names since the last one that is certain to survive, oldest first. */
  #history: Names[] = [new Map()];
  #left = Number.POSITIVE_INFINITY;
  #dead = false;
  operations = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** The power goes after this many further operations. */
  crashAfter(operations: number): void {
    this.#left = operations;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Power is back: decides what of the unsynced has survived. */
  restart(): void {
    const survived = this.#history[Math.floor(this.#random() * this.#history.length)] as Names;
    for (const node of survived.values()) if (node !== 'folder') this.#settle(node);
    this.#history = [survived];
    this.#left = Number.POSITIVE_INFINITY;
    this.#dead = false;
  }

  /** Bytes that were written but not synced: each page of 64 bytes is there or is not, and the end may be cut. */
  #settle(node: Node): void {
    const { bytes, durable } = node;
    const out = bytes.slice(
      0,
      this.#random() < 0.5 ? bytes.length : Math.floor(this.#random() * (bytes.length + 1)),
    );
    const keeps = this.#random();
    for (let page = 0; page < out.length; page += 64) {
      if (this.#random() < keeps) continue;
      for (let at = page; at < Math.min(page + 64, out.length); at++) out[at] = durable[at] ?? 0;
    }
    const whole = out.length < durable.length && bytes.length >= durable.length ? extend(out, durable) : out;
    node.bytes = whole;
    node.durable = whole;
  }

  /** Counts an operation; true when it is the one that the power goes in. */
  #step(what: string): boolean {
    if (this.#dead) throw lost('EIO', `${what} without power`);
    this.operations++;
    this.#left--;
    if (this.#left > 0) return false;
    this.#dead = true;
    return true;
  }

  get #names(): Names {
    return this.#history[this.#history.length - 1] as Names;
  }

  #change(edit: (names: Map<string, Node | 'folder'>) => void): void {
    const names = new Map(this.#names);
    edit(names);
    this.#history.push(names);
  }

  #end(dies: boolean, what: string): void {
    if (dies) throw lost('EIO', `${what}: the power went`);
  }

  #file(path: string, node: Node): DiskFile {
    return {
      write: (parts, position) => {
        const dies = this.#step('write');
        const data = Buffer.concat(parts);
        const taken = dies ? data.subarray(0, Math.floor(this.#random() * data.length)) : data;
        const grown = new Uint8Array(Math.max(node.bytes.length, position + taken.length));
        grown.set(node.bytes);
        grown.set(taken, position);
        node.bytes = grown;
        this.#end(dies, path);
      },
      read: (position, length) => {
        if (this.#dead) throw lost('EIO', 'read without power');
        return node.bytes.slice(position, position + length);
      },
      size: () => node.bytes.length,
      truncate: (length) => {
        const dies = this.#step('truncate');
        node.bytes = node.bytes.slice(0, length);
        this.#end(dies, path);
      },
      datasync: async () => {
        const dies = this.#step('datasync');
        const snapshot = node.bytes.slice();
        await Promise.resolve();
        if (!dies || this.#random() < 0.5) node.durable = snapshot;
        this.#end(dies, path);
      },
      close: () => undefined,
    };
  }

  readonly disk: Disk = {
    open: (path) => {
      if (this.#dead) throw lost('EIO', 'open without power');
      const node = this.#names.get(path);
      if (node === undefined || node === 'folder') throw lost('ENOENT', path);
      return this.#file(path, node);
    },
    create: async (path) => {
      const dies = this.#step('create');
      const node: Node = { bytes: new Uint8Array(0), durable: new Uint8Array(0) };
      this.#change((names) => names.set(path, node));
      this.#end(dies, path);
      return this.#file(path, node);
    },
    list: (path) =>
      [...this.#names.keys()]
        .filter((name) => name.startsWith(`${path}/`) && !name.slice(path.length + 1).includes('/'))
        .map((name) => name.slice(path.length + 1)),
    makeDirectory: (path) => {
      if (this.#names.has(path)) return false;
      const dies = this.#step('makeDirectory');
      this.#change((names) => names.set(path, 'folder'));
      this.#end(dies, path);
      return true;
    },
    rename: async (from, to) => {
      const dies = this.#step('rename');
      const node = this.#names.get(from);
      if (node === undefined) throw lost('ENOENT', from);
      this.#change((names) => {
        names.delete(from);
        names.set(to, node);
      });
      this.#end(dies, to);
    },
    remove: async (path) => {
      const gone = [...this.#names.keys()].filter((name) => name === path || name.startsWith(`${path}/`));
      if (gone.length === 0) return;
      const dies = this.#step('remove');
      this.#change((names) => gone.forEach((name) => names.delete(name)));
      this.#end(dies, path);
    },
    syncDirectory: async (path) => {
      const dies = this.#step('syncDirectory');
      const synced = this.#names;
      await Promise.resolve();
      if (!dies || this.#random() < 0.5) this.#history.splice(0, Math.max(0, this.#history.indexOf(synced)));
      this.#end(dies, path);
    },
  };
}

function extend(bytes: Uint8Array, by: Uint8Array): Uint8Array {
  const out = by.slice();
  out.set(bytes);
  return out;
}
