// Quotes a word so that a person can paste it into their shell.

export function shellQuote(word: string, platform: NodeJS.Platform = process.platform): string {
  // These characters at its start would mean an option, a home folder, or a program of zsh.
  if (/^[\w./:@-][\w./:@=-]*$/.test(word)) return word
  if (platform !== 'win32') return `'${word.replaceAll("'", `'\\''`)}'`
  // cmd reads % and PowerShell $ and ` within double quotes, the only ones both know; nothing escapes these for both.
  if (/[%$`"\u201c-\u201e]/.test(word)) return URL.canParse(word) ? `"${encoded(word)}"` : '"<name>"'
  return `"${word}"`
}

/** A $ or ` in a URL can be encoded; a % is kept if two digits follow, which is not a variable of cmd. */
const encoded = (url: string) =>
  url.replace(/[$`"\u201c-\u201e]/g, encodeURIComponent).replace(/%(?![\dA-F]{2})/gi, '%25')
