/** Renders reports; what that takes is loaded with the first one, not with the function. */
import type { ReportData } from '../lib/sessions/report-data.ts';

export async function lazyReport(data: ReportData): Promise<string> {
  const { renderReport } = await import('../lib/report/report.ts');
  return renderReport(data);
}
