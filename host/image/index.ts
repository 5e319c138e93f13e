/**
 * image/: what people do with a finished enclave image: compare two, sign one, write its registers as a key policy.
 * It must never unpack to disk, run what is in an image, keep a signing key, or change a measured byte.
 *
 * It takes single files of images/, not its index, which brings the bundler along.
 */
export { type Difference, type Explanation, explainImages, type Register } from './explain.ts';
export { keyCondition, terraformCondition } from './render.ts';
export { type RamdiskContents, type RamdiskFile, readRamdisk } from './ramdisk.ts';
export { signImage, type SigningPem } from './sign.ts';
