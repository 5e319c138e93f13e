/** Codes of enclave images: EIF, archives, measurements, and what a build refuses. */
export const IMAGE_CODES = {
  EIF_HEADER_INVALID: {
    kind: 'malformed',
    meaning: 'The file does not begin with an EIF version 4 header, or the header says impossible things',
    remedy: 'Give an enclave image file made by nitro-cli, eif_build or assay',
  },
  EIF_CRC_MISMATCH: {
    kind: 'malformed',
    meaning: 'The checksum of the image file does not match its bytes',
    remedy: 'Copy or build the image again',
  },
  EIF_LAYOUT_INVALID: {
    kind: 'malformed',
    meaning:
      'The sections of the image leave a gap, overlap, disagree with the header or do not end with the file',
    remedy: 'Build the image again; readers that follow different fields would boot different bytes',
  },
  EIF_SECTIONS_INVALID: {
    kind: 'malformed',
    meaning: 'A section of the image is missing, given twice, out of order or of an unknown type',
    remedy:
      'Build the image with one kernel, one command line, metadata and at least one ramdisk after the kernel',
  },
  EIF_SIGNATURE_INVALID: {
    kind: 'malformed',
    meaning: 'The signature section of the image cannot be read',
    remedy: 'Sign the image again',
  },
  EIF_CONTENT_INVALID: {
    kind: 'malformed',
    meaning: 'An image cannot be written from these parts',
    remedy: 'Give a kernel, a command line without NUL, metadata and 1 to 28 ramdisks',
  },
  CPIO_INVALID: {
    kind: 'malformed',
    meaning: 'The archive is not a well-formed cpio archive of the newc form',
    remedy: 'Build the archive again with assay or with cpio -H newc',
  },
  CPIO_PATH_UNSAFE: {
    kind: 'malformed',
    meaning: 'A path in the archive is absolute, empty, climbs out, or is not what it will be on disk',
    remedy: 'Use relative paths of plain names; do not unpack this archive',
  },
  PROGRAM_INVALID: {
    kind: 'malformed',
    meaning: 'The file is not a program image: its kernel section, flags or files are not those of one',
    remedy: 'Build the program image with make build',
  },
  PROGRAM_RUNTIME_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'The Node binary is not the one that the program image was built for',
    remedy: 'Use the Node of the lock file, or build the image again',
  },
  BUNDLE_FAILED: {
    kind: 'malformed',
    meaning: 'The enclave program cannot be bundled',
    remedy: 'See the message of the bundler',
  },
  BUNDLE_SIMULATOR_INSIDE: {
    kind: 'refused',
    meaning: 'A bundle for real hardware contains simulated platform code',
    remedy: 'Remove the import; only the simulated entry may reach that code',
  },
} as const;
