// What a web page says in words: a proxy or a server answers with one where a message was expected.

/** Enough for what a person has to read. */
const LONGEST = 4096

/** The title of a page, or its text where it has none; any other text as it is. */
export function wordsOf(text: string): string {
  const start = text.slice(0, LONGEST)
  if (!/^\s*<(?:!doctype html|html|head|body|title|center|h1|p)\b/i.test(start)) return text
  const title = /<title[^>]*>([^<]*)/i.exec(start)?.[1]?.trim()
  if (title) return title
  return (
    start
      .replace(/<(script|style)\b[^<]*(?:<(?!\/)[^<]*)*/gi, ' ')
      .replace(/<[^>]*(?:>|$)/g, ' ')
      .trim() || text
  )
}
