// Why the system refused to change a file, in words: somebody has it open, the disk is full, or it may not be changed.

/** What Windows answers about a file that another program has open: a host that reads it, or a virus scanner. */
const IN_USE: readonly (string | undefined)[] = ['EPERM', 'EBUSY', 'EACCES']

const codeOf = (thrown: unknown) => (thrown as NodeJS.ErrnoException | undefined)?.code

export const mayBeInUse = (thrown: unknown): boolean => IN_USE.includes(codeOf(thrown))

const WORDS: Readonly<Record<string, string>> = {
  EBUSY: 'another program has it open',
  EPERM: 'another program has it open, or you may not change it',
  EACCES: 'you may not change it, or another program has it open',
  ENOSPC: 'the disk is full',
  EDQUOT: 'your disk quota is used up',
  EFBIG: 'the file may not become that large',
  EROFS: 'the file system is read-only',
  ENOENT: 'a folder of its path does not exist',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is not a folder',
}

/** For the end of a sentence, after a colon: the words, and the system's code. */
export function whyRefused(thrown: unknown): string {
  const code = codeOf(thrown)
  if (code === undefined) return 'the reason is not known'
  const words = WORDS[code]
  return words === undefined ? code : `${words} (${code})`
}
