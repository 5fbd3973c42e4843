// Which requests are a person's own navigation.
import { expect, test } from 'vitest'
import { isNavigation } from '../../../../src/system/callback/navigation.ts'

test.each([
  {},
  { 'user-agent': 'curl/8' },
  { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
  { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-user': '?1' },
  {
    ...{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    origin: 'https://as.example',
  },
  { 'sec-fetch-mode': 'cors' },
  { origin: 'null' },
])('%j is one', (headers) => {
  expect(isNavigation(headers)).toBe(true)
})

test.each([
  { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
  { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
  { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
  { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
  { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'object' },
  { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'websocket' },
  { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'script' },
  { origin: 'https://evil.example' },
  { 'sec-purpose': 'prefetch' },
  { 'sec-purpose': 'prefetch;prerender', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
  { purpose: 'prefetch' },
  { purpose: 'preview' },
  { 'x-purpose': 'preview' },
  { 'x-moz': 'prefetch' },
])('%j is not one', (headers) => {
  expect(isNavigation(headers)).toBe(false)
})
