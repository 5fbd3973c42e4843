// STUB until helper A's is there.
import type { Message } from '../message/message.ts'
export const wrapTools = (answer: Message): Message => answer
export const wrapOutput = (answer: Message): Message => answer
