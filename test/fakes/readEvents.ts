// All events of a body that is an event stream, as an EventReader gives them.
import { EventReader, type StreamEvent, type StreamPosition } from '../../src/bridge/http/body/eventStream.ts'

export async function* readEvents(
  body: AsyncIterable<Uint8Array>,
  position: StreamPosition,
  limit: number,
): AsyncGenerator<StreamEvent> {
  const reader = new EventReader(position, limit)
  for await (const chunk of body) {
    reader.push(chunk)
    for (let event = reader.next(); event; event = reader.next()) yield event
  }
}
