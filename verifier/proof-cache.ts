/**
 * What was proven before. Bytes are known by a digest of them and of all that they were proven under; parsed values,
 * which live as long as their holder keeps them, by their identity. A hit saves reading and verifying signatures, never
 * a question of time, place or role: those are asked again on every use. Nothing is known by issuer and serial, because
 * vendors re-issue certificates with both unchanged.
 */

/** What was not asked for longest goes first; holds public data only. */
export class ProofCache {
  readonly #proofs = new Map<string, unknown>();
  readonly #facts = new WeakMap<object, WeakMap<object, unknown>>();
  readonly #capacity: number;

  constructor(capacity = 256) {
    this.#capacity = capacity;
  }

  /** `key` names the kind of proof first, so that one kind is never taken for another. */
  get<Proof>(key: string): Proof | undefined {
    const proof = this.#proofs.get(key);
    // Authorities are asked for again and again and must not make room for leaves that come once.
    if (proof !== undefined && this.#proofs.delete(key)) this.#proofs.set(key, proof);
    return proof as Proof | undefined;
  }

  add<Proof>(key: string, proof: Proof): void {
    if (this.#proofs.has(key)) return;
    const oldest = this.#proofs.size >= this.#capacity ? this.#proofs.keys().next().value : undefined;
    if (oldest !== undefined) this.#proofs.delete(oldest);
    this.#proofs.set(key, proof);
  }

  /** What was proven of this very value by means of that very one, a key or an issuer. */
  fact<Proof>(value: object, by: object): Proof | undefined {
    return this.#facts.get(value)?.get(by) as Proof | undefined;
  }

  addFact(value: object, by: object, proof: unknown): void {
    const known = this.#facts.get(value);
    if (known === undefined) this.#facts.set(value, new WeakMap([[by, proof]]));
    else known.set(by, proof);
  }
}
