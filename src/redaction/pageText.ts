// What a web page says in words: proxies and servers answer with one where a message or a redirect was expected.

/** Enough for what a person has to read. */
const LONGEST = 4096

/** The text of a page as a person sees it, in one line. */
export const textOfPage = (page: string): string =>
  page
    .replace(/<(script|style|noscript|template|svg)\b.*?(?:<\/\1\s*>|$)|<!--.*?(?:-->|$)/gis, ' ')
    .replace(/<[^<>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()

/** The title of a page, or its text where it has none; any other text as it is. */
export function wordsOf(text: string): string {
  const start = text.slice(0, LONGEST)
  if (!/^\s*<(?:!doctype html|html|head|body|title|center|h1|p)\b/i.test(start)) return text
  const title = /<title[^>]*>([^<]*)/i.exec(start)?.[1]?.trim()
  // A tag without an end is one that was cut.
  return title || textOfPage(start.replace(/<[^<>]*$/, '')) || text
}
