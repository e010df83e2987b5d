function code = DPX_debug_job(key)
%DPX_debug_job  Set input1, output1 ... of a MATLAB job here, and open its code.
%   DPX_debug_job('1nm0k3q5...') takes the latest attempt of the job with that key, as the page
%   Jobs shows it; only who runs the service can read it. Gives the path of the code.
  settings = jsondecode(DPX_nora('settings', '--json'));
  folder = fullfile(settings.data_path.value, 'jobs', key);
  latest = 0;
  while exist(fullfile(folder, num2str(latest + 1), 'nora_code.m'), 'file')
    latest = latest + 1;
  end
  if latest == 0
    error('NORA:failed', 'there is no MATLAB job %s that has started, or it may not be read', key);
  end
  run_folder = fullfile(folder, num2str(latest));
  code = fullfile(run_folder, 'nora_code.m');
  evalin('caller', fileread(fullfile(run_folder, 'nora_arguments.m')));
  if usejava('desktop')
    edit(code);
  end
end
