// The only public door: sending, receiving and managing sessions, the events they yield and the errors they end with.
// The signatures and their options are documented in engine/api.ts, the events in model/events.ts.

export type {
  CarryonApi,
  Diagnosis,
  DiscardOptions,
  DoctorOptions,
  Ending,
  FolderHealth,
  ListenAddress,
  ListOptions,
  ReceiveOptions,
  ResumeOptions,
  RunOptions,
  SendOptions,
  Session,
  SessionListing,
  SessionStatus,
  StateOptions,
  TransferOptions,
  Verification,
  VerifyOptions,
} from './engine/api.ts'
export type {
  AdoptedEvent,
  CheckpointEvent,
  Envelope,
  Event,
  EventType,
  ExitEvent,
  FileEvent,
  HintCode,
  HintEvent,
  ListeningEvent,
  Phase,
  ProgressEvent,
  ReconnectingEvent,
  SessionEvent,
  SummaryEvent,
  WaitingEvent,
  WarningCode,
  WarningEvent,
} from './model/events.ts'
export type {
  ConflictPolicy,
  Durability,
  LinkPolicy,
  Outcome,
  OutcomeCount,
  Receipt,
  Role,
  SessionId,
  SessionState,
  SpecialPolicy,
  StateReason,
  VanishedPolicy,
  Who,
} from './model/session.ts'
export type { ErrorCode, ErrorDetails } from './errors.ts'
export { hasCode, InternalError, isTransferError, TransferError } from './errors.ts'
export {
  discardSession,
  doctor,
  limitSession,
  listSessions,
  pauseSession,
  receive,
  resumeSession,
  send,
  sessionStatus,
  verify,
} from './engine/life/public.ts'
export { display } from './model/display.ts'
