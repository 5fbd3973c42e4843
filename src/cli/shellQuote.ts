// A word as a person can paste it into their shell.

export function shellQuote(word: string, platform: NodeJS.Platform = process.platform): string {
  if (/^[\w./:@=-]+$/.test(word)) return word
  // cmd and PowerShell take double quotes; in a URL a double quote is always %22.
  return platform === 'win32' ? `"${word.replaceAll('"', '""')}"` : `'${word.replaceAll("'", `'\\''`)}'`
}
