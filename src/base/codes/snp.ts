/** Codes of AMD SEV-SNP evidence. */
export const SNP_CODES = {
  SNP_VERSION_UNKNOWN: {
    kind: 'malformed',
    meaning: 'An attestation report has a version that no released firmware writes',
    remedy: 'Give the 1,184 bytes of the report as the firmware returned them',
  },
  SNP_FIELD_INVALID: {
    kind: 'malformed',
    meaning:
      'A field of an attestation report holds what AMD 56860 does not allow, or a reserved part is not zero',
    remedy: 'Give the report as the firmware returned it; the error names the field',
  },
  SNP_ENDORSEMENT_INVALID: {
    kind: 'malformed',
    meaning: 'A certificate of a report key lacks what AMD writes into it, or contradicts itself',
    remedy: 'Give the VCEK or VLEK certificate as the key service of AMD or the cloud returned it',
  },
  SNP_UNSIGNED: {
    kind: 'unauthentic',
    meaning: 'The report says of itself that nobody has signed it',
    remedy: 'Ask the guest for a report that a VCEK or VLEK signs',
  },
  SNP_PRODUCT_UNSUPPORTED: {
    kind: 'undetermined',
    meaning: 'The report comes from a processor whose layout of versions is not known here',
    remedy: 'Use a release that knows this processor; guessing would compare the wrong numbers',
  },
  SNP_SIGNATURE_INVALID: {
    kind: 'unauthentic',
    meaning:
      'The signature of an attestation report does not verify under the key that its certificate names',
    remedy: 'Treat the report as forged or tampered with',
  },
  SNP_PRODUCT_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'The certificate of the report key is for another processor than the one that the report names',
    remedy: 'Give the certificate that the error names; if it is the right one, treat the report as forged',
  },
  SNP_HWID_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'The certificate of the report key is of another chip than the one that the report names',
    remedy: 'Give the certificate that the error names; if it is the right one, treat the report as forged',
  },
  SNP_TCB_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'The certificate of the report key is for other versions than REPORTED_TCB, part by part',
    remedy: 'Give the certificate that the error names; if it is the right one, treat the report as forged',
  },
  SNP_CHIP_MASKED: {
    kind: 'unauthentic',
    meaning: 'The report hides which chip it is of, so the certificate of no chip can be held against it',
    remedy: 'Have the host report CHIP_ID (SNP_CONFIG, MASK_CHIP_ID), or have reports signed with a VLEK',
  },
  SNP_DEBUG_ALLOWED: {
    kind: 'unacceptable',
    meaning: 'The policy of the guest lets the host debug it: read and change its memory',
    remedy: 'Launch the guest without DEBUG in its policy, or set platforms.snp.debug to "allow" for tests',
  },
  SNP_MIGRATION_AGENT: {
    kind: 'unacceptable',
    meaning: 'The policy of the guest lets a migration agent move it, or one is bound to it',
    remedy: 'Launch the guest without MIGRATE_MA, or allow it with platforms.snp.migration_agent',
  },
  SNP_VMPL_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'The report was asked for at a privilege level that the trust policy does not list',
    remedy: 'Compare platforms.snp.vmpl with where the enclave runs: below a paravisor it is not level 0',
  },
  SNP_MEASUREMENT_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'The launch measurement of the guest is none that the trust policy lists',
    remedy: 'Compare the measurement with that of the image that you reviewed; other vCPU counts give others',
  },
  SNP_ID_KEY_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'The key that signed the ID block of the guest is none that the trust policy lists',
    remedy: 'Compare ID_KEY_DIGEST with the publisher of the image; zero means that there was no ID block',
  },
  SNP_AUTHOR_KEY_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'The author key of the ID block is none that the trust policy lists, or there was none',
    remedy: 'Compare AUTHOR_KEY_DIGEST with the publisher of the image',
  },
  SNP_HOST_DATA_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'HOST_DATA, which the host fixes at launch, is none that the trust policy lists',
    remedy: 'Compare it with the digest of the configuration that you reviewed',
  },
  SNP_TCB_BELOW_MINIMUM: {
    kind: 'unacceptable',
    meaning: 'REPORTED_TCB is below the least versions that the trust policy accepts',
    remedy: 'Have the host update the parts that the error names, and raise what it reports',
  },
  SNP_LAUNCH_TCB_BELOW_MINIMUM: {
    kind: 'unacceptable',
    meaning: 'The guest was launched on versions below the least that the trust policy accepts',
    remedy:
      'Launch the guest again on the updated host: what was launched on old firmware may be known to others',
  },
  SNP_TCB_INCONSISTENT: {
    kind: 'unacceptable',
    meaning: 'The platform reports versions above what it has committed, or has committed more than it runs',
    remedy: 'Treat the firmware of the platform as faulty',
  },
  SNP_FIRMWARE_PROVISIONAL: {
    kind: 'unacceptable',
    meaning: 'The platform runs firmware that is not committed, so the host can set it back',
    remedy: 'Have the host commit it (SNP_COMMIT), or allow it with platforms.snp.tcb.provisional_firmware',
  },
  SNP_MILAN_VCEK: {
    kind: 'unacceptable',
    meaning:
      'The report is signed by the VCEK of a Milan, whose root seed software can extract (arXiv 2605.12990)',
    remedy:
      'Use Genoa, Turin or a VLEK; or set platforms.snp.milan_vcek to "allow" and list the chips under hardware.ids',
  },
  SNP_ALIAS_CHECK_MISSING: {
    kind: 'unacceptable',
    meaning: 'The platform does not prove that its memory has no aliases (BadRAM, CVE-2024-21944)',
    remedy: 'Have the host update its firmware: Milan 1.55.22, Genoa 1.55.38 and later say so in the report',
  },
  SNP_SMT_ENABLED: {
    kind: 'unacceptable',
    meaning: 'Simultaneous multithreading is on, or the policy of the guest allows it',
    remedy:
      'Launch the guest without SMT in its policy on a host that has it off, or allow it with platforms.snp.smt',
  },
  SNP_CIPHERTEXT_VISIBLE: {
    kind: 'unacceptable',
    meaning: 'The host can read the ciphertext of the memory of the guest',
    remedy: 'Launch the guest with CIPHERTEXT_HIDING_DRAM on a host that has it on',
  },
  SNP_PAGE_SWAP_ALLOWED: {
    kind: 'unacceptable',
    meaning: 'The policy of the guest lets the host move and swap its pages',
    remedy: 'Launch the guest with PAGE_SWAP_DISABLE in its policy',
  },
  SNP_MULTI_SOCKET: {
    kind: 'unacceptable',
    meaning: 'The policy of the guest does not keep it on one socket',
    remedy: 'Launch the guest with SINGLE_SOCKET in its policy',
  },
  SNP_CXL_ALLOWED: {
    kind: 'unacceptable',
    meaning: 'The policy of the guest allows devices on CXL',
    remedy: 'Launch the guest without CXL_ALLOW in its policy',
  },
  SNP_XTS_NOT_REQUIRED: {
    kind: 'unacceptable',
    meaning: 'The policy of the guest does not demand AES-256-XTS for its memory',
    remedy: 'Launch the guest with MEM_AES_256_XTS in its policy',
  },
  SNP_RAPL_ENABLED: {
    kind: 'unacceptable',
    meaning: 'The host can read the power that the processor draws (RAPL)',
    remedy: 'Launch the guest with RAPL_DIS in its policy on a host that has it off',
  },
  SNP_ECC_DISABLED: {
    kind: 'unacceptable',
    meaning: 'The memory of the platform has no error correction',
    remedy: 'Use a platform with ECC memory on',
  },
  SNP_TSME_DISABLED: {
    kind: 'unacceptable',
    meaning: 'The platform does not encrypt all of its memory (TSME)',
    remedy: 'Use a platform with TSME on',
  },
  SNP_MITIGATION_MISSING: {
    kind: 'unacceptable',
    meaning: 'The firmware does not report a mitigation that the trust policy demands',
    remedy:
      'Have the host update its firmware, and launch the guest again; reports say this from version 5 on',
  },
  SNP_GUEST_SVN_BELOW_MINIMUM: {
    kind: 'unacceptable',
    meaning: 'The security version of the guest, from its ID block, is below the least that is accepted',
    remedy: 'Run a newer release of the image',
  },
  SNP_FIRMWARE_BELOW_MINIMUM: {
    kind: 'unacceptable',
    meaning: 'The committed version of the firmware is below the least that the trust policy accepts',
    remedy: 'Have the host update and commit its firmware',
  },
  SNP_FAMILY_ID_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'FAMILY_ID, from the ID block of the guest, is none that the trust policy lists',
    remedy: 'Compare it with the publisher of the image',
  },
  SNP_IMAGE_ID_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'IMAGE_ID, from the ID block of the guest, is none that the trust policy lists',
    remedy: 'Compare it with the publisher of the image',
  },
  SNP_PRODUCT_NOT_ACCEPTED: {
    kind: 'unacceptable',
    meaning: 'The report is of a processor that the trust policy does not list',
    remedy: 'Run the guest on a processor that platforms.snp.products names',
  },
  SNP_HARDWARE_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'The chip of a VCEK, or the provider of a VLEK, is none that the trust policy lists',
    remedy: 'Compare CHIP_ID or the provider with hardware.ids; a masked chip is never one of the list',
  },
} as const;
