/**
 * The registers of an image as what releases keys to it (AWS KMS Developer Guide, "Condition keys for AWS KMS and
 * AWS Nitro Enclaves"): ImageSha384 is PCR0, values are compared without regard to case, and a request without
 * an attestation document meets no such condition.
 */
import { toHex } from '../../src/base/hex.ts';
import type { ImageMeasurements } from '../../src/image/index.ts';

type Measured = ImageMeasurements & { readonly pcr8?: Uint8Array | null };

const OPERATOR = 'StringEqualsIgnoreCase';

function variables({ pcr0, pcr1, pcr2, pcr8 = null }: Measured): readonly (readonly [string, string])[] {
  const name = (register: string): string => `kms:RecipientAttestation:${register}`;
  return [
    [name('ImageSha384'), toHex(pcr0)],
    [name('PCR1'), toHex(pcr1)],
    [name('PCR2'), toHex(pcr2)],
    ...(pcr8 === null ? [] : [[name('PCR8'), toHex(pcr8)] as const]),
  ];
}

/** The value of `Condition` in a statement of a key policy. */
export function keyCondition(measured: Measured): object {
  return { [OPERATOR]: Object.fromEntries(variables(measured)) };
}

/** The same as an aws_iam_policy_document of Terraform's AWS provider; the role is the reader's to name. */
export function terraformCondition(measured: Measured): string {
  const conditions = variables(measured).map(
    ([variable, value]) => `
    condition {
      test     = "${OPERATOR}"
      variable = "${variable}"
      values   = ["${value}"]
    }
`,
  );
  return `data "aws_iam_policy_document" "release_to_enclave" {
  statement {
    sid       = "ReleaseToAttestedEnclave"
    effect    = "Allow"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = [var.enclave_role_arn]
    }
${conditions.join('')}  }
}
`;
}
