// Why @napi-rs/keyring did not load: its loader gives no codes for its native parts, so this file reads its words.

/** `thrown` by the package; in words for the end of a sentence, with what is missing and where it comes from. */
export function whyUnloaded(
  thrown: unknown,
  { platform, arch }: Pick<NodeJS.Process, 'platform' | 'arch'> = process,
): string {
  if ((thrown as { code?: string }).code === 'MODULE_NOT_FOUND')
    return 'the optional package @napi-rs/keyring is not installed for this system'
  const tried = chainOf(thrown).map((message) => message.split(/\r?\n/)[0] ?? '')
  const [outer = String(thrown)] = tried
  // Each native part that is not installed, and the sentence that sums them up.
  const found = tried.filter((message) => !/^Cannot find (module|native binding)/.test(message))
  if (found.length === 0 && outer.startsWith('Cannot find native binding'))
    return 'the native part of the optional package @napi-rs/keyring is not installed for this system'
  if (platform === 'win32')
    return `the package @napi-rs/keyring cannot load: as a rule the Visual C++ runtime is missing, see https://aka.ms/vs/17/release/vc_redist.${arch}.exe`
  return `the package @napi-rs/keyring cannot load: ${found[0] ?? outer}`
}

/** The messages of an error and its causes. */
function chainOf(thrown: unknown): string[] {
  const messages: string[] = []
  for (let at = thrown; at instanceof Error && messages.length < 20; at = at.cause) messages.push(at.message)
  return messages
}
