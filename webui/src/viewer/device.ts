// What the graphics device can do, asked once.

export interface Device {
  software: boolean;
  floatLinear: boolean;
  maxSize: number;
  budgetBytes: number;
}

export function inspect(gl: WebGL2RenderingContext): Device {
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  const software = /swiftshader|llvmpipe|software|basic render/i.test(name);
  return {
    software,
    floatLinear: gl.getExtension("OES_texture_float_linear") !== null,
    maxSize: Number(gl.getParameter(gl.MAX_3D_TEXTURE_SIZE)),
    budgetBytes: (software ? 192 : 768) * 2 ** 20,
  };
}
