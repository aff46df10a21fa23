import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithEngines } from '../engines.ts';
import { launchBrowser } from '../harness/browser.ts';
import { Gala } from '../harness/gala.ts';
import { waitFor } from '../harness/wait.ts';

describeWithEngines('jobs of a whole installation', ['chromium'], () => {
  let gala: Gala;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    gala = await Gala.start();
    browser = await launchBrowser();
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB' });
    page = await context.newPage();
    await page.goto(`${gala.webUrl}/console/jobs`);
    const token = (await readFile(join(gala.dataFolder, 'admin.token'), 'utf8')).trim();
    await page.getByLabel('Operator token').fill(token);
    await page.keyboard.press('Enter');
    await page.getByTestId('plan-row').waitFor();
  });
  afterAll(async () => {
    await browser.close();
    await gala[Symbol.asyncDispose]();
  });

  test('a run is asked for with the keyboard, and its log is shown', async () => {
    await page.getByRole('button', { name: 'Run now: scheduler.forget' }).focus();
    await page.keyboard.press('Enter');
    await page.keyboard.type('test of jobs');
    await page.keyboard.press('Enter');
    const row = page.getByTestId('run-row').first();
    await waitFor(async () => /scheduler\.forget[^]*done/.test(await row.innerText()), { what: 'the run' });
    await row.getByRole('button', { name: /^Log/ }).click();
    await page.getByText('forgot 0 runs').waitFor();
    const line = () => gala.lines.find((each) => each.includes('run asked for'));
    expect(await waitFor(line, { what: 'its line' })).toContain('test of jobs');
  });

  test('a sharded job shows who works on it, and rests while it is paused', async () => {
    const row = page.locator('[data-job="account.upkeep"]');
    // The page asks again and again; a worker takes its partition when its turn comes.
    const isWorkedOn = async () => /active[^]*1 min[^]*front-/.test(await row.innerText());
    await waitFor(isWorkedOn, { what: 'a worker of the job', timeoutMs: 30_000 });
    await row.getByRole('button', { name: 'Partitions of account.upkeep' }).click();
    await page.getByTestId('partitions').waitFor();
    await row.getByRole('button', { name: /^Pause/ }).click();
    await page.getByLabel('Reason').fill('rest');
    await page.getByTestId('reason-yes').click();
    await row.getByText('paused').waitFor();
    await gala.operator.resumeShardedJob({ jobName: 'account.upkeep', reason: 'work' });
    await row.getByText('active').waitFor();
  });

  test('the process of the scheduler may die: its plans are there when it is back', async () => {
    process.kill(await gala.pidOf('back'), 'SIGKILL');
    const ask = () => gala.operator.runJobPlan({ planName: 'scheduler.forget', reason: 'again' });
    const { runId } = await waitFor(() => ask().catch(() => undefined), {
      what: 'the scheduler back',
      timeoutMs: 30_000,
    });
    const isDone = async () => (await gala.operator.getJobRun({ runId })).run.state === 'done';
    await waitFor(isDone, { what: 'the run done', timeoutMs: 30_000 });
  });

  test('the page is there in Chinese', async () => {
    const context = await browser.newContext({ locale: 'zh-CN' });
    const chinese = await context.newPage();
    await chinese.goto(`${gala.webUrl}/console/jobs`);
    const token = (await readFile(join(gala.dataFolder, 'admin.token'), 'utf8')).trim();
    await chinese.getByLabel('管理员令牌').fill(token);
    await chinese.keyboard.press('Enter');
    await chinese.getByRole('heading', { name: '分区任务' }).waitFor();
  });
});
