/** How much JSON a step may record: what is paid for is kept. Hosts may take less; then the step fails. */
export const ROOM = { maxBytes: 16 * 1024 * 1024 } as const;
