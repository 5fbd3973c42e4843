// How this person runs this program: the words in front of a command, and the server that this process is about. A hint then works as typed.

const NAME = 'mcp-oauth-bridge'

interface OwnCommand {
  /** What a shell needs to start this program, quoted; asked for when the first hint is written. */
  readonly program?: () => string
  /** The server, quoted, with the profile and config file that belong to it; undefined: a command has none of its own. */
  readonly target?: string | undefined
}

let own: OwnCommand = {}
let program: string | undefined

/** Tells what is known of this process; what is left out stays as it is. */
export function nameOwnCommand(known: OwnCommand): void {
  own = { ...own, ...known }
  if (known.program) program = undefined
}

/** A command line of this program that works as typed; its words are quoted already. */
export function ownCommand(...words: readonly string[]): string {
  program ??= own.program?.() ?? NAME
  return [program, ...words].join(' ')
}

const ABOUT_A_SERVER = 'login|logout|refresh|doctor'
const OTHERS =
  'run|status|migrate|support-bundle|validate-config|check-config|install|uninstall|import|reset|completion|explain|serve|--help'
/** The command ends there, has only options, or the sentence goes on. */
const NO_SERVER = '$|[.,;:)]| --(?!all)| (?:and|then|to|for|in|which|again|on)\\b'
/** A name that is a path or an argument of npx is whole already. */
const COMMAND = new RegExp(
  `(?<![\\w/\\\\.@-]|npx )${NAME} (?:(${ABOUT_A_SERVER})(?=${NO_SERVER})|(?=(?:${ABOUT_A_SERVER}|${OTHERS})\\b|<))`,
  'gm',
)

const LAST_WORD = new RegExp(`(${NAME} (?:${ABOUT_A_SERVER}|${OTHERS})(?: --[\\w-]+(?: "[^"]*")?)*)\\.$`, 'gm')

/** The same text, in which each command of this program works as typed and names the server it is about. */
export function withOwnCommands(text: string): string {
  if (!text.includes(NAME)) return text
  // Who copies a line to its end would copy the full stop too.
  return text.replace(LAST_WORD, '$1').replace(COMMAND, (_, command: string | undefined) => {
    if (command === undefined) return `${ownCommand()} `
    return ownCommand(command, ...(own.target === undefined ? [] : [own.target]))
  })
}
