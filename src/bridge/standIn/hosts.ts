// Hosts that do not ask for a list again after list_changed, by the name in their clientInfo, and where that was seen.

const READ_ONCE: Readonly<Record<string, string>> = {
  // Codex CLI 0.169.0, 2026-11-25.
  'codex-mcp-client': 'Codex',
}

/** What a person has to do there; undefined: nothing. */
export function restartNote(host: string | undefined): string | undefined {
  const name = host !== undefined && Object.hasOwn(READ_ONCE, host) ? READ_ONCE[host] : undefined
  return name && `${name} loads the list of tools only when it starts, so restart ${name} to use them.`
}
