/** Codes of enclave images: EIF, archives, firmware, measurements, and what a build refuses. */
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
  EIF_SIGNATURE_MISMATCH: {
    kind: 'unauthentic',
    meaning:
      "The image carries a certificate, but its signature over PCR0 does not hold: hardware would not boot it, and PCR8 would be another's",
    remedy: 'Sign the image again with assay image sign; do not trust its origin',
  },
  EIF_SIGNER_UNFIT: {
    kind: 'refused',
    meaning: 'The key and the certificate cannot sign an image that boots',
    remedy:
      'Give a P-256, P-384 or P-521 private key in PEM without a passphrase, and the one certificate of that key, in its validity',
  },
  EIF_ONE_RAMDISK: {
    kind: 'unacceptable',
    meaning: 'The image has one ramdisk: its PCR2 is the same for every such image and proves nothing',
    remedy:
      'Put init and the program into two ramdisks; to measure the image all the same, leave --canonical out',
  },
  EIF_BOUNDARY_AMBIGUOUS: {
    kind: 'unacceptable',
    meaning:
      'Bytes could be moved over a section boundary of the image with its PCRs unchanged, or have been: a ramdisk begins with no compression magic, the command line is not text, or the kernel is not as long as it says',
    remedy:
      'Compress each ramdisk (gzip, zstd, xz, lz4, bzip2 or lzma); to measure the image all the same, leave --canonical out',
  },
  RAMDISK_TOO_LARGE: {
    kind: 'malformed',
    meaning: 'A ramdisk unpacks to more than 1 GiB',
    remedy: 'Do not unpack it; compare the images by their measurements',
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
  OVMF_INVALID: {
    kind: 'malformed',
    meaning:
      'The firmware is no OVMF image that every VMM reads alike, or has no list of sections for SEV-SNP: a guest would not start on it, or would be measured otherwise',
    remedy:
      'Give the file that the VMM starts (OVMF.fd or OVMF.amdsev.fd of edk2, whole), built with SEV-SNP',
  },
  OVMF_NO_KERNEL_HASHES: {
    kind: 'unacceptable',
    meaning:
      'The firmware has no page for the hashes of a kernel, so that another kernel would measure the same',
    remedy: 'Use the firmware of OvmfPkg/AmdSev, or leave --kernel out and bind the disk in another way',
  },
  SNP_LAUNCH_INVALID: {
    kind: 'malformed',
    meaning: 'No VMM starts a guest under SEV-SNP with these parameters',
    remedy:
      'Correct the number of vCPUs, the processor, the guest features, the command line or the ID block',
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
  SBOM_INCOMPLETE: {
    kind: 'refused',
    meaning: 'A file in the image is of a package that package-lock.json does not name with a version',
    remedy: 'Install with npm ci and build again',
  },
  LOCK_INVALID: {
    kind: 'malformed',
    meaning: 'images/debian.lock.json is not a list of packages with version and SHA-256',
    remedy: 'Take the file of the commit, or make a new one with assay image lock',
  },
  LOCK_UNAVAILABLE: {
    kind: 'undetermined',
    meaning: 'The mirror does not have the version of a Debian package that the lock names',
    remedy:
      'Set ASSAY_DEBIAN_MIRROR to a snapshot mirror of the day of the lock, or write a new lock with assay image lock; another lock is another image',
  },
  LOCK_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'A Debian package has the locked version but other bytes',
    remedy: 'Use another mirror; do not build from these bytes',
  },
  TOOLCHAIN_DIFFERS: {
    kind: 'refused',
    meaning: 'A compiler of this machine is not the one that the lock names, and would write another image',
    remedy:
      'Build on Debian 12 with the version that the message names, or write a new lock with assay image lock',
  },
  TOOL_MISSING: {
    kind: 'refused',
    meaning: 'A program that the build needs is not installed',
    remedy: 'Install the Debian package of that name; CONTRIBUTING.md lists them all',
  },
  BUILD_FAILED: {
    kind: 'refused',
    meaning: 'A build tool ended with an error',
    remedy: 'See the message of the tool',
  },
  KERNEL_CONFIG_DIFFERS: {
    kind: 'refused',
    meaning:
      'The kernel did not take a line of images/nitro/kernel.config, or would have what no enclave has',
    remedy: 'Add what the option depends on, or switch off what brought the other along',
  },
} as const;
