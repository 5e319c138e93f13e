/** Cedar's own integration tests through our instance: the glue changes nothing of what Cedar decides. */
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createCedarInstance } from '../../src/policy/cedar/instance.ts';
import { splitCedar } from '../../src/policy/index.ts';
import { CORPUS, corpusText, missing } from '../support/corpus.ts';
import { cedarModule } from './support.ts';

type Any = any;
const ROOT = 'cedar/integration';
const folder = CORPUS === null ? null : resolve(CORPUS, 'policy', ROOT, 'tests');
const files =
  folder === null
    ? []
    : readdirSync(folder).flatMap((group) =>
        readdirSync(resolve(folder, group))
          .filter((name) => name.endsWith('.json'))
          .map((name) => `${group}/${name}`),
      );

/** Through Record<id, text>, as the engine loads policies: split by our scanner, numbered as Cedar numbers them. */
function policySet(text: string): string {
  return JSON.stringify({
    staticPolicies: Object.fromEntries(splitCedar(text).map((one, i) => [`policy${i}`, one])),
  });
}

let requests = 0;
describe.skipIf(CORPUS === null)('Cedar integration tests', () => {
  for (const file of files) {
    const test = JSON.parse(corpusText('policy', `${ROOT}/tests/${file}`)) as Any;
    it(`${file}: ${test.requests.length} requests`, () => {
      const instance = createCedarInstance(cedarModule);
      const text = corpusText('policy', `${ROOT}/${test.policies}`);
      const schema = corpusText('policy', `${ROOT}/${test.schema}`);
      const entities = corpusText('policy', `${ROOT}/${test.entities}`);
      expect(instance.preparsePolicies('p', { json: policySet(text) }).type).toBe('success');
      expect(instance.preparseSchema('s', { json: JSON.stringify(schema) }).type).toBe('success');
      const valid = instance.validate({
        json: `{"policies":${policySet(text)},"schema":${JSON.stringify(schema)}}`,
      });
      expect(valid.type === 'success' && valid.validationErrors.length === 0).toBe(test.shouldValidate);
      for (const request of test.requests) {
        const { principal, action, resource, context } = request;
        const call = JSON.stringify({ principal, action, resource, context });
        const options = `"validateRequest":${request.validateRequest ?? true},"preparsedPolicySetId":"p","preparsedSchemaName":"s"`;
        const answer = instance.authorize({
          json: `${call.slice(0, -1)},${options},"entities":${entities}}`,
        });
        if (answer.type === 'failure') throw new Error(JSON.stringify(answer.errors));
        expect(answer.response.decision).toBe(request.decision);
        expect([...answer.response.diagnostics.reason].sort()).toEqual([...request.reason].sort());
        expect(answer.response.diagnostics.errors.map(({ policyId }) => policyId).sort()).toEqual(
          [...request.errors].sort(),
        );
        requests++;
      }
    });
  }

  it('counts', () => {
    console.info(`Cedar integration: ${files.length} files, ${requests} requests agree`);
    expect(requests).toBeGreaterThan(0);
  });

  it("reads AGT's own Cedar library, which is bounded too", () => {
    const library = readdirSync(resolve(CORPUS as string, 'policy/cedar/agt-lib'));
    for (const name of library) {
      const text = corpusText('policy', `cedar/agt-lib/${name}`);
      const instance = createCedarInstance(cedarModule);
      expect(instance.preparsePolicies('p', { json: policySet(text) }).type).toBe('success');
    }
  });
});

if (CORPUS === null) missing('Cedar integration', 22);
