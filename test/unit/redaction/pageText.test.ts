// What is quoted of a page that came instead of a message.
import { expect, test } from 'vitest'
import { wordsOf } from '../../../src/redaction/pageText.ts'

const NGINX =
  '<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n</body>\r\n</html>\r\n'

test.each([
  ['a page of nginx', NGINX, '400 No required SSL certificate was sent'],
  ['a title with attributes', '<!DOCTYPE html>\n<title lang="en"> Sign in </title>', 'Sign in'],
  ['a page without a title', '<html><body><h1>Bad gateway</h1></body></html>', 'Bad gateway'],
  ['an empty title', '<html><title></title><p>Try later', 'Try later'],
  ['a script before the words', '<html><script>if (a < b) run("x")</script><p>Blocked</p>', 'Blocked'],
  ['no words at all', '<html></html>', '<html></html>'],
  ['a tag without an end', '<html><body class="', '<html><body class="'],
  ['plain text', 'Session not found', 'Session not found'],
  ['JSON', '{"error":"<html>"}', '{"error":"<html>"}'],
  ['XML', '<?xml version="1.0"?><Error/>', '<?xml version="1.0"?><Error/>'],
])('%s', (_, text, words) => {
  expect(wordsOf(text).trim()).toBe(words)
})

test('a page that is large and never ends a tag is read in one pass', () => {
  const page = `<html>${'<script '.repeat(100_000)}`
  expect(wordsOf(page).length).toBeGreaterThan(0)
})
