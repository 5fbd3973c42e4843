// What a host may hear of changes: lists and single resources, by the names that both eras give them.

/** The capabilities of which a list may change. */
export const LISTS = ['tools', 'prompts', 'resources'] as const
export type List = (typeof LISTS)[number]

/** Notifications of both eras. */
export const listChanged = (list: List): string => `notifications/${list}/list_changed`
export const UPDATED = 'notifications/resources/updated'

/** The list that a notification says has changed; undefined: it is another notification. */
export const changedList = (method: string | undefined): List | undefined =>
  LISTS.find((list) => method === listChanged(list))

/** The member of a filter that stands for the changes of a list (MCP 2026-07-28, "Subscriptions"). */
export const wish = (list: List) => `${list}ListChanged` as const

/** The filter of a listen, or of its acknowledgment. */
export const filterOf = (lists: readonly List[], uris: readonly string[]): object => ({
  ...Object.fromEntries(lists.map((list) => [wish(list), true])),
  ...(uris.length === 0 ? {} : { resourceSubscriptions: uris }),
})
