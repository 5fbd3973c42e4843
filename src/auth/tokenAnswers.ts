// Answers of token endpoints that keep to an older or looser form, made into what RFC 6749 section 5 asks for.

export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/**
 * A form-encoded answer becomes JSON, and an error that was sent with 200 becomes 400: GitHub and others do both
 * (https://docs.github.com/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors).
 */
export function repaired(answer: Answer): Answer {
  const { status, contentType, body } = answer
  const form = /^application\/x-www-form-urlencoded\b/i.test(contentType)
  const json = form ? fromForm(body) : status === 200 ? asObject(body) : undefined
  if (json === undefined) return answer
  const failed = status === 200 && typeof json.error === 'string' && json.access_token === undefined
  if (!form && !failed) return answer
  return { status: failed ? 400 : status, contentType: 'application/json', body: JSON.stringify(json) }
}

function fromForm(body: string): Record<string, unknown> {
  const values: Record<string, unknown> = Object.fromEntries(new URLSearchParams(body))
  const { expires_in: seconds } = values
  return typeof seconds === 'string' && /^\d+$/.test(seconds) ? { ...values, expires_in: Number(seconds) } : values
}

function asObject(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
