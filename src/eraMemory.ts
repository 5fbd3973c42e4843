// What is remembered of the revisions of MCP that a server and its hosts speak: the interface between the bridge and the store.

/** The two families of MCP revisions: `2025` is 2024-11-05 to 2025-11-25, which begin with initialize; `2026` is 2026-07-28. */
export type Era = '2025' | '2026'

/** How a host went on after its server/discover was refused. */
export type Opening = 'both' | 'refused' | 'modern'

/** What is remembered of the revisions that one server and its hosts speak. */
export interface EraMemory {
  /** `at`: when that was found out, in ms since the epoch; `discover`: the JSON text of its DiscoverResult. undefined: nothing is known. */
  load(): Promise<{ readonly era: Era; readonly at: number; readonly discover?: string | undefined } | undefined>
  /** undefined: forgotten. */
  save(known: { readonly era: Era; readonly discover?: string | undefined } | undefined): Promise<void>
  /**
   * How a host of this name went on after its server/discover was refused: `both` began with initialize, `refused` said nothing more,
   * `modern` asked again after that, without initialize. undefined: it was never refused.
   */
  loadOpening(host: string): Promise<Opening | undefined>
  saveOpening(host: string, opening: Opening): Promise<void>
}
