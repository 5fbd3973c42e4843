// oidc-provider brings no types: what test/servers uses of it.
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  interface Grant {
    addOIDCScope(scope: string): void
    addResourceScope(resource: string, scope: string): void
    save(): Promise<string>
    destroy(): Promise<void>
  }

  interface Interaction {
    readonly uid: string
    readonly grantId?: string
    readonly params: { readonly client_id: string }
    readonly session: { readonly accountId: string }
    readonly prompt: {
      readonly name: string
      readonly details: {
        readonly missingOIDCScope?: readonly string[]
        readonly missingResourceScopes?: Readonly<Record<string, readonly string[]>>
      }
    }
  }

  interface Context {
    readonly oidc: { readonly params: Readonly<Record<string, string | undefined>> }
    /** Of the answer. */
    readonly body: Readonly<Record<string, unknown>>
  }

  interface Configuration {
    findAccount?(context: Context, id: string): unknown
    issueRefreshToken?(context: Context, client: { grantTypeAllowed(type: string): boolean }): Promise<boolean>
    readonly interactions?: { url(context: Context, interaction: { readonly uid: string }): string }
    readonly features?: Readonly<Record<string, unknown>>
    readonly [setting: string]: unknown
  }

  export default class Provider {
    constructor(issuer: string, configuration: Configuration)
    readonly Grant: {
      new (of: { accountId: string; clientId: string }): Grant
      find(id: string): Promise<Grant | undefined>
    }
    readonly RefreshToken: { revokeByGrantId(id: string): Promise<void> }
    callback(): (request: IncomingMessage, response: ServerResponse) => void
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>
    interactionFinished(
      request: IncomingMessage,
      response: ServerResponse,
      result: object,
      options?: { mergeWithLastSubmission: boolean },
    ): Promise<void>
    on(event: 'registration_create.success' | 'authorization.success', listener: () => void): this
    on(event: 'grant.success' | 'grant.error', listener: (context: Context) => void): this
    on(event: 'server_error', listener: (context: Context, error: Error) => void): this
    readonly Client: { readonly adapter: { destroy(id: string): Promise<void> } }
  }
}
