// Draws a result: a bar for the median of each contestant, a dot for each run, so that the spread is seen. Drawn by
// Apache ECharts, which makes SVG without a browser; it is one of bench/package.json's.

import { BarChart, ScatterChart } from 'echarts/charts'
import { GridComponent, TitleComponent } from 'echarts/components'
import * as echarts from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { isMeasured } from './report.mjs'

echarts.use([BarChart, ScatterChart, GridComponent, TitleComponent, SVGRenderer])

const MiB = 1024 * 1024
const [width, barHeight, edge] = [760, 26, 76]
const [oursColor, rivalColor, dotColor, textColor] = ['#2f7ed8', '#b4bcc8', '#20304080', '#333333']

/** @param {object} result as it is stored @returns {string} SVG */
export function plotOf({ scenario, says, rows }) {
  const measured = rows.filter(isMeasured).toReversed() // The first row is drawn on top.
  const isRate = measured.every(({ seconds }) => seconds === undefined)
  const unit = isRate ? 'MiB/s, longer is better' : 'seconds, shorter is better'
  const height = edge * 2 + measured.length * barHeight
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height })
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: scenario, subtext: `${says}; ${unit}`, left: 12, top: 8 },
    grid: { left: 150, right: 70, top: edge, bottom: edge / 2 },
    xAxis: { type: 'value', axisLabel: { color: textColor } },
    yAxis: {
      type: 'category',
      data: measured.map(({ name }) => name),
      axisLabel: { color: textColor },
      axisTick: { show: false },
    },
    series: [bars(measured, isRate), dots(measured)],
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return `${svg}\n`
}

function bars(rows, isRate) {
  return {
    type: 'bar',
    barWidth: '62%',
    label: { show: true, position: 'right', color: textColor, formatter: ({ value }) => value.toPrecision(3) },
    data: rows.map(({ seconds, bytesPerSecond, isOurs = false }) => ({
      value: isRate ? bytesPerSecond / MiB : seconds,
      itemStyle: { color: isOurs ? oursColor : rivalColor },
    })),
  }
}

function dots(rows) {
  return {
    type: 'scatter',
    symbolSize: 4,
    itemStyle: { color: dotColor },
    data: rows.flatMap(({ samples = [] }, i) => samples.map(({ seconds }) => [seconds, i])),
  }
}
