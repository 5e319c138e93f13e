/** Pins of the AWS Nitro Enclaves roots. Each AWS partition has its own; China and the isolated ones are not public. */
import type { RootPin } from '../roots.ts';

const utc = (text: string): number => Date.parse(text);

/** Frozen. Simulated roots are added from the trust policy, never here. */
export const NITRO_ROOTS: readonly RootPin[] = Object.freeze([
  Object.freeze({
    platform: 'nitro',
    partition: 'aws',
    name: 'aws.nitro-enclaves',
    spkiSha256: 'f2caf5ecc6190b4a8399b78bc58a2bbcd0382375db8a1bfd78a82743874fd225',
    validity: Object.freeze({
      notBefore: utc('2019-10-28T13:28:05Z'),
      notAfter: utc('2049-10-28T14:28:05Z'),
    }),
    source: 'https://aws-nitro-enclaves.amazonaws.com/AWS_NitroEnclaves_Root-G1.zip',
    simulated: false,
  }),
  Object.freeze({
    platform: 'nitro',
    partition: 'aws-us-gov',
    name: 'aws-us-gov.nitro-enclaves',
    spkiSha256: '84e3c3bd8c64049f77e40a07ec988b76a55179f299b57eaefa520844dc67fae5',
    validity: Object.freeze({
      notBefore: utc('2020-09-10T12:03:46Z'),
      notAfter: utc('2050-09-10T13:03:46Z'),
    }),
    source: 'https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-ec2.html',
    simulated: false,
  }),
]);
