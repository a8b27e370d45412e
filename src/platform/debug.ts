/** Whether `NODE_DEBUG` names bowline: then waits remember where they were started, for messages about leaks. */
export const debugEnabled: boolean = /(^|,)\s*bowline\s*(,|$)/i.test(process.env['NODE_DEBUG'] ?? '');
