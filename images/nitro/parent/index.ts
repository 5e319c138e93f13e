/**
 * parent/: what a parent instance needs to run the enclave image: units, a stack with the key's policy, and the
 * settings that follow from the image and its configuration. It must never hold a value that the image decides.
 */
export {
  type ParentChoices,
  type ParentFiles,
  type ParentInput,
  parentFiles,
  parentMemoryMib,
  STACK_KEPT,
} from './settings.ts';
